"""The serial port: found, opened, read and written; every way that pyserial fails becomes ``PortLost`` here."""

import contextlib
import errno
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import serial
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from firmware_bridge.errors import PortLost

BAUD: Final = 115_200
READ_MOST: Final = 4096
WRITE_TIMEOUT_S: Final = 0.5
"""Longer than the fullest output takes; a port that takes nothing for so long is stuck."""


class Port(Protocol):
    """A byte line that may be waited for with ``select``."""

    name: str

    def fileno(self) -> int:
        """Becomes readable when there is something to read, and when the port is lost."""

    def read(self) -> bytes:
        """What has come, without waiting; may be empty.

        Raises:
            PortLost: The port is gone.
        """

    def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            PortLost: The port is gone, or takes nothing.
        """

    def close(self) -> None:
        """Let go of it; may come twice."""


OpenPort: TypeAlias = Callable[[], Port]
"""Opens the port; raises ``PortLost`` when it is not there."""


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    """One error for all: pyserial lets ``OSError`` and ``termios.error`` through beside its own, by call."""
    try:
        yield
    except serial.SerialTimeoutException as error:
        raise PortLost(
            f"{name} takes no more data: the controller's USB side hangs; unplug it and plug it in"
        ) from error
    except (OSError, termios.error) as error:  # SerialException is an OSError
        raise PortLost(f"{name}: {_way_out(error)}") from error


def _way_out(error: Exception) -> str:
    number = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    if number == errno.ENOENT:
        return "there is no such port: plug the controller in"
    if number in (errno.EACCES, errno.EPERM):
        return "this user may not use it: add the user to the group 'dialout'"
    if number in (errno.EAGAIN, errno.EBUSY) or "exclusively lock" in str(error):
        return "another program uses it: stop that program"
    return f"the controller was unplugged or its port failed ({error})"


class SerialPort:
    """A serial device under Linux, held exclusively.

    Args:
        path: For example ``/dev/ttyACM0``, or a stable name below ``/dev/serial/by-path``.
    """

    def __init__(self, path: str) -> None:
        self.name = path
        with _translated(path):
            # No parity and no handshake lines: some ports (a pty) refuse to set them.
            self._serial = serial.Serial(path, BAUD, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
            self._fileno = int(self._serial.fileno())
        try:
            with _translated(path):
                self._serial.reset_input_buffer()
                self._serial.reset_output_buffer()
        except PortLost:
            self.close()
            raise

    def fileno(self) -> int:
        """For ``select``; stays the same after a loss, until ``close``."""
        return self._fileno

    def read(self) -> bytes:
        """What has come."""
        with _translated(self.name):
            return bytes(self._serial.read(READ_MOST))

    def write(self, data: bytes) -> None:
        """Write all of it."""
        with _translated(self.name):
            self._serial.write(data)

    def close(self) -> None:
        """Let go of it, also after a loss."""
        with contextlib.suppress(OSError, termios.error):
            self._serial.close()


def open_serial_port(device: str) -> SerialPort:
    """The serial port that a setting names.

    Args:
        device: A path, ``usb:VID:PID`` or ``usb:VID:PID:SERIAL`` (hexadecimal, as ``lsusb`` prints them), or ``auto``:
            the only USB serial port there is.

    Raises:
        PortLost: It is not there, or cannot be used.
    """
    return SerialPort(find_port(device))


def find_port(device: str, ports: Callable[[], list[ListPortInfo]] | None = None) -> str:
    """The path of the port that a setting names; see ``open_serial_port``.

    Raises:
        PortLost: There is none, or more than one.
    """
    if device != "auto" and not device.startswith("usb:"):
        if not Path(device).exists():
            raise PortLost(f"{device}: there is no such port: plug the controller in")
        return device
    found = [port for port in (ports or usb_ports)() if device == "auto" or _is(port, device)]
    if not found:
        raise PortLost(f"no USB serial port fits {device!r}: plug the controller in")
    if len(found) > 1:
        names = ", ".join(describe(port) for port in found)
        raise PortLost(f"{device!r} fits more than one port ({names}): name one of them in serial.device")
    return str(found[0].device)


def usb_ports() -> list[ListPortInfo]:
    """The USB serial ports of this machine."""
    return [port for port in list_ports.comports() if port.vid is not None]


def describe(port: ListPortInfo) -> str:
    """A port as a setting names it, and as a person knows it."""
    serial_number = f":{port.serial_number}" if port.serial_number else ""
    return f"{port.device} usb:{port.vid:04x}:{port.pid:04x}{serial_number} {port.description}"


def _is(port: ListPortInfo, device: str) -> bool:
    wanted = device.split(":", 3)[1:]
    given = [f"{port.vid:04x}", f"{port.pid:04x}", port.serial_number or ""]
    return [word.lower() for word in wanted] == [word.lower() for word in given[: len(wanted)]]
