"""The serial port on a pty, in every way that it can be lost."""

import os
import select
import stat
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from serial.tools.list_ports_common import ListPortInfo

from firmware_bridge.errors import PortLost
from firmware_bridge.port import SerialPort, find_port, open_serial_port


class Pty:
    """A terminal whose other end is the test."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)

    def unplug(self) -> None:
        if self.master >= 0:
            os.close(self.master)
        self.master = -1


@pytest.fixture
def pty() -> Iterator[Pty]:
    made = Pty()
    yield made
    made.unplug()


@pytest.fixture
def port(pty: Pty) -> Iterator[SerialPort]:
    opened = SerialPort(pty.path)
    yield opened
    opened.close()


def test_bytes_go_both_ways_unchanged(pty: Pty, port: SerialPort) -> None:
    every = bytes(range(256))
    port.write(every)
    assert os.read(pty.master, 1000) == every
    os.write(pty.master, every)
    assert select.select([port], [], [], 2)[0]
    assert port.read() == every
    assert port.read() == b""


def test_port_is_held_alone(pty: Pty, port: SerialPort) -> None:
    with pytest.raises(PortLost, match="another program uses it"):
        SerialPort(pty.path)


def test_port_is_free_again_after_closing(pty: Pty, port: SerialPort) -> None:
    port.close()
    port.close()
    SerialPort(pty.path).close()


def test_unplugged_port_is_readable_and_lost_in_reading(pty: Pty, port: SerialPort) -> None:
    pty.unplug()
    assert select.select([port], [], [], 2)[0]
    with pytest.raises(PortLost, match="unplugged"):
        port.read()


def test_unplugged_port_is_lost_in_writing(pty: Pty, port: SerialPort) -> None:
    pty.unplug()
    with pytest.raises(PortLost, match="unplugged"):
        port.write(b"x")


def test_port_that_takes_nothing_is_lost_in_time(pty: Pty, port: SerialPort) -> None:
    with pytest.raises(PortLost, match="takes no more data"):
        for _ in range(1000):
            port.write(b"x" * 1000)


@pytest.mark.parametrize(
    "error",
    [serial.SerialException("gone"), OSError(5, "Input/output error"), termios.error(5, "Input/output error")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("call", ["read", "write"])
def test_every_error_of_the_library_is_one_here(
    port: SerialPort, monkeypatch: pytest.MonkeyPatch, call: str, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(port._serial, call, fail)
    with pytest.raises(PortLost, match="unplugged"):
        port.read() if call == "read" else port.write(b"x")


def test_missing_port_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PortLost, match="plug the controller in"):
        open_serial_port(str(tmp_path / "ttyACM9"))
    with pytest.raises(PortLost, match="plug the controller in"):
        SerialPort(str(tmp_path / "ttyACM9"))


def test_port_without_permission_says_what_to_do(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(13, f"could not open port {pty.path}: Permission denied")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(PortLost, match="dialout"):
        SerialPort(pty.path)


def test_file_that_is_no_terminal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert stat.S_ISREG(path.stat().st_mode)
    with pytest.raises(PortLost):
        SerialPort(str(path))


def usb(device: str, vid: int, pid: int, number: str | None = None) -> ListPortInfo:
    port = ListPortInfo(device)
    port.vid, port.pid, port.serial_number, port.description = vid, pid, number, "a board"
    return port


PORTS = [
    usb("/dev/ttyACM0", 0x2341, 0x43, "A1"),
    usb("/dev/ttyACM1", 0x2341, 0x43, "B2"),
    usb("/dev/ttyUSB0", 0x403, 1),
]


@pytest.mark.parametrize(
    ("device", "path"),
    [("usb:2341:0043:B2", "/dev/ttyACM1"), ("usb:0403:0001", "/dev/ttyUSB0"), ("usb:2341:0043:a1", "/dev/ttyACM0")],
)
def test_port_is_found_by_its_usb_id(device: str, path: str) -> None:
    assert find_port(device, lambda: PORTS) == path


def test_only_port_is_found_without_a_name() -> None:
    assert find_port("auto", lambda: PORTS[2:]) == "/dev/ttyUSB0"


@pytest.mark.parametrize(
    ("device", "why"),
    [("auto", "more than one"), ("usb:2341:0043", "B2"), ("usb:dead:beef", "plug the controller in")],
)
def test_doubt_is_told_with_the_choices(device: str, why: str) -> None:
    with pytest.raises(PortLost, match=why):
        find_port(device, lambda: PORTS)


def test_path_is_taken_as_it_is(pty: Pty, tmp_path: Path) -> None:
    link = tmp_path / "by-path"
    link.symlink_to(pty.path)
    assert find_port(str(link)) == str(link)
    open_serial_port(str(link)).close()
