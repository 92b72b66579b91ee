"""The reference firmware's portable part compiled for this machine, as a ``Firmware`` without a board."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from firmware_bridge.codes import Lamp, ResetCause
from firmware_bridge.errors import EmulatorUnavailable

FOLDER: Final = Path(__file__).with_name("firmware")
SOURCES: Final = ("core.c", "events.c", "frame.c", "inputs.c", "hosted.c")
FLAGS: Final = ("-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
OUTPUT_BYTES: Final = 4096
NO_READING: Final = -(2**31)
"""As ``hal.h`` says it."""


def find_compiler() -> str | None:
    """The host's C compiler."""
    return os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")


def compile_firmware(folder: Path) -> Path:
    """Compile the portable part into a shared library in ``folder``.

    Raises:
        EmulatorUnavailable: There is no C compiler, or the code does not compile.
    """
    compiler = find_compiler()
    if compiler is None:
        raise EmulatorUnavailable("there is no C compiler: apt-get install gcc")
    library = folder / "firmware.so"
    command = [compiler, *FLAGS, "-o", str(library), *(str(FOLDER / name) for name in SOURCES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EmulatorUnavailable(f"the firmware does not compile:\n{done.stderr}")
    return library


class CompiledFirmware:
    """``Firmware`` in C. Its state is the library's: of each compiled file one may be in use at a time.

    Args:
        library: What ``compile_firmware`` has made.
        temperature_decidegrees: None: there is no sensor.
    """

    def __init__(self, library: Path, temperature_decidegrees: int | None = 350) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.hosted_lamp.restype = ctypes.c_int
        self._output = ctypes.create_string_buffer(OUTPUT_BYTES)
        reading = NO_READING if temperature_decidegrees is None else temperature_decidegrees
        self._library.hosted_set_temperature(ctypes.c_int32(reading))

    def boot(self, now_us: int, cause: ResetCause, levels: int) -> None:
        """Start anew."""
        self._library.hosted_boot(ctypes.c_uint64(now_us), ctypes.c_int(cause), ctypes.c_uint8(levels))

    def receive(self, data: bytes, now_us: int) -> None:
        """Bytes from the line."""
        self._library.hosted_receive(data, ctypes.c_uint16(len(data)))
        self.tick(now_us)

    def set_levels(self, levels: int, now_us: int) -> None:
        """The input pins' levels."""
        self._library.hosted_set_levels(ctypes.c_uint8(levels), ctypes.c_uint64(now_us))

    def tick(self, now_us: int) -> None:
        """One pass of the loop."""
        self._library.hosted_poll(ctypes.c_uint64(now_us))

    def take_output(self) -> bytes:
        """Bytes for the line."""
        count = self._library.hosted_take_output(self._output, ctypes.c_uint16(OUTPUT_BYTES))
        return self._output.raw[:count]

    @property
    def lamp(self) -> Lamp:
        """What the lamp shows."""
        return Lamp(self._library.hosted_lamp())

    @property
    def relays(self) -> int:
        """Bit n: relay n is closed."""
        return int(self._library.hosted_relays())

    @property
    def buzzes_hz(self) -> list[int]:
        """The frequency of every buzz since the start, in order."""
        return [
            int(self._library.hosted_buzz(ctypes.c_uint32(index))) for index in range(self._library.hosted_buzzes())
        ]

    @property
    def buzzer_hz(self) -> int:
        """What it sounds now; 0: it is silent."""
        return int(self._library.hosted_buzzer_hz())
