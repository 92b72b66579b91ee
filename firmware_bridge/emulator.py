"""The reference firmware on an emulated board: built by gcc-arm-none-eabi, run by qemu-system-arm.

QEMU's ``lm3s6965evb`` has the board's buttons on the firmware's input pins, so that a pin is really pulled down here.
"""

import json
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from firmware_bridge.codes import Lamp
from firmware_bridge.errors import EmulatorUnavailable, PortLost
from firmware_bridge.port import SerialPort

FIRMWARE: Final = Path(__file__).with_name("firmware")
PROGRAMS: Final = {
    "make": "make",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
}
"""What is needed, and the Debian package that holds it."""
KEYS: Final = ("up", "down", "left", "right", "ctrl")
"""The key that presses the button on each pin (QEMU's hw/arm/stellaris.c)."""
LAMP_REGISTER: Final = 0x4000503C
"""Port B, pins 0 to 3."""
RELAY_REGISTER: Final = 0x400050C0
"""Port B, pins 4 and 5."""
PTY_NOTICED_S: Final = 1.1
"""QEMU looks once a second whether somebody has opened its pty."""
START_S: Final = 20.0


def missing_packages() -> list[str]:
    """Debian packages that are needed here and not installed."""
    return [package for program, package in PROGRAMS.items() if shutil.which(program) is None]


def build_firmware(folder: Path) -> Path:
    """Compile the reference firmware.

    Args:
        folder: Objects and the result, ``firmware.elf``, go here.

    Raises:
        EmulatorUnavailable: A program is missing, or the code does not compile.
    """
    if missing := missing_packages():
        raise EmulatorUnavailable(f"missing: apt-get install {' '.join(missing)}")
    done = subprocess.run(["make", "-C", str(FIRMWARE), f"BUILD={folder}"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EmulatorUnavailable(f"the firmware does not compile:\n{done.stderr}")
    return folder / "firmware.elf"


class EmulatedController:
    """A board that runs the reference firmware; use it as a context manager.

    Unlike a real one its clock stops while it hangs, its sensor gives nothing, and unplugging it ends it: plugged in,
    it has started anew and may have another path.

    Args:
        firmware: The file that ``build_firmware`` has made.
        folder: For its sockets; the path should be short (a socket's path has 107 bytes at most).
    """

    pins: Final = len(KEYS)

    def __init__(self, firmware: Path, folder: Path) -> None:
        self._firmware, self._folder = firmware, folder
        self._process: subprocess.Popen[str] | None = None
        self._monitor: _Monitor | None = None
        self._path = ""

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()

    @property
    def path(self) -> str:
        """Of its serial port; empty while it is unplugged."""
        return self._path

    def open_port(self) -> SerialPort:
        """Open its serial port; bytes get through a second later at the latest.

        Raises:
            PortLost: It is unplugged.
        """
        if not self._path:
            raise PortLost("the emulated controller is unplugged: plug it in")
        return SerialPort(self._path)

    def plug_in(self) -> None:
        """Start it.

        Raises:
            EmulatorUnavailable: It does not start.
        """
        if self._process is not None:
            return
        qmp, gdb = self._folder / "qmp", self._folder / "gdb"
        for left in (qmp, gdb):
            left.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [
                *("qemu-system-arm", "-M", "lm3s6965evb", "-display", "none", "-monitor", "none", "-nic", "none"),
                *("-serial", "pty", "-kernel", str(self._firmware)),
                *("-qmp", f"unix:{qmp},server=on,wait=off", "-gdb", f"unix:{gdb},server=on,wait=off"),
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            self._path = self._find_pty(self._process)
            self._monitor = _Monitor(qmp)
            self._raise_pins()
        except BaseException:
            self.unplug()
            raise

    def unplug(self) -> None:
        """End it; whoever has its port open loses it."""
        process, self._process = self._process, None
        monitor, self._monitor = self._monitor, None
        self._path = ""
        if monitor is not None:
            monitor.close()
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def press(self, pin: int) -> None:
        """Pull an input pin down."""
        self._key(pin, down=True)

    def release(self, pin: int) -> None:
        """Let the pull-up have the pin."""
        self._key(pin, down=False)

    def hang(self) -> None:
        """Stop the processor; what comes meanwhile waits in its line."""
        self._monitored.execute("stop")

    def revive(self) -> None:
        """Let it go on where it stopped."""
        self._monitored.execute("cont")

    def reset(self) -> None:
        """Pull its reset line."""
        self._monitored.execute("system_reset")
        self._raise_pins()

    def hang_its_loop(self) -> None:
        """Send the program into its endless loop for faults, as a bug might; interrupts go on."""
        symbols = subprocess.run(
            ["arm-none-eabi-nm", str(self._firmware)], capture_output=True, text=True, check=True
        ).stdout
        address = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" fault"))
        program_counter = address.to_bytes(4, "little").hex()
        with socket.socket(socket.AF_UNIX) as debugger:
            debugger.settimeout(START_S)
            debugger.connect(str(self._folder / "gdb"))
            # QEMU sets single registers only for a debugger that has asked for their description.
            for packet in ("qXfer:features:read:target.xml:0,ffb", f"Pf={program_counter}", "D"):
                debugger.sendall(f"${packet}#{sum(packet.encode()) % 256:02x}".encode())
                answer = b""
                while not re.search(rb"\$[^#]*#..", answer):
                    answer += debugger.recv(4096)
                debugger.sendall(b"+")
                if b"$E" in answer or b"$#" in answer:
                    raise EmulatorUnavailable(f"QEMU's debugger refuses {packet}: {answer!r}")

    @property
    def lamp(self) -> Lamp:
        """What the lamp's pins say."""
        pins = self._read(LAMP_REGISTER)
        return Lamp(pins.bit_length())

    @property
    def relays(self) -> int:
        """Bit n: relay n is closed."""
        return self._read(RELAY_REGISTER) >> 4

    @property
    def _monitored(self) -> "_Monitor":
        if self._monitor is None:
            raise PortLost("the emulated controller is unplugged: plug it in")
        return self._monitor

    def _raise_pins(self) -> None:
        """QEMU's pins begin low, whatever pulls them up, until their button has been pressed once."""
        for pin in range(self.pins):
            self.press(pin)
            self.release(pin)

    def _key(self, pin: int, down: bool) -> None:
        key = {"type": "qcode", "data": KEYS[pin]}
        event = {"type": "key", "data": {"down": down, "key": key}}
        self._monitored.execute("input-send-event", events=[event])

    def _read(self, address: int) -> int:
        text = self._monitored.execute("human-monitor-command", **{"command-line": f"xp /1xw 0x{address:x}"})
        return int(str(text).split(":")[1], 16)

    @staticmethod
    def _find_pty(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            if found := re.search(r"/dev/pts/\d+", line):
                return found[0]
            said.append(line)
        raise EmulatorUnavailable(f"qemu-system-arm does not start: {''.join(said)}")


class _Monitor:
    """QEMU's monitor (QMP)."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(START_S)
        until_s = time.monotonic() + START_S
        while True:
            try:
                self._socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError) as error:
                if time.monotonic() > until_s:
                    raise EmulatorUnavailable("qemu-system-arm opens no monitor") from error
                time.sleep(0.01)
        self._lines = self._socket.makefile("rw")
        self._lines.readline()  # its greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        self._lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._lines.flush()
        while True:
            answer = json.loads(self._lines.readline())
            if "error" in answer:
                raise EmulatorUnavailable(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
