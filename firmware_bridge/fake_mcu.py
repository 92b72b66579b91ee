"""A microcontroller that is not there: runs a firmware in memory, behind a port that can be unplugged."""

import contextlib
import os
import select
import socket
import threading
import time
import tty
from types import TracebackType
from typing import Any, Final, Protocol, Self

from firmware_bridge.codes import Lamp, ResetCause
from firmware_bridge.errors import PortLost
from firmware_bridge.fake_firmware import FakeFirmware, Firmware
from firmware_bridge.port import Port, SerialPort

TICK_S: Final = 0.001
ALL_HIGH: Final = 0xFF
"""Levels of pins that are pulled up and not pressed."""


class _Line(Protocol):
    """The controller's end of its line; non-blocking, as a socket is."""

    def fileno(self) -> int: ...
    def recv(self, most: int, /) -> bytes: ...
    def send(self, data: bytes, /) -> int: ...
    def close(self) -> None: ...


class _Terminal:
    """A pseudo-terminal as the line: the host opens the real serial port."""

    def __init__(self) -> None:
        self._descriptor, other = os.openpty()
        tty.setraw(other)
        os.set_blocking(self._descriptor, False)
        self.host = SerialPort(os.ttyname(other))
        os.close(other)

    def fileno(self) -> int:
        return self._descriptor

    def recv(self, most: int) -> bytes:
        return os.read(self._descriptor, most)

    def send(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        os.close(self._descriptor)


class FakePort:
    """The host's end of the fake controller's line."""

    def __init__(self, line: socket.socket) -> None:
        self.name = "fake port"
        self._line = line
        self._fileno = line.fileno()

    def fileno(self) -> int:
        """For ``select``."""
        return self._fileno

    def read(self) -> bytes:
        """What has come.

        Raises:
            PortLost: It was unplugged.
        """
        try:
            data = self._line.recv(4096)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortLost("fake port: the controller was unplugged") from error
        if not data:
            raise PortLost("fake port: the controller was unplugged")
        return data

    def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            PortLost: It was unplugged, or is full.
        """
        try:
            self._line.sendall(data)
        except OSError as error:
            raise PortLost("fake port: the controller was unplugged, or takes no more data") from error

    def close(self) -> None:
        """Let go of it."""
        self._line.close()


class FakeMicrocontroller:
    """A controller in memory, in a thread of its own; use it as a context manager.

    It hangs, is revived, reset and unplugged like a real one; ``history`` holds what was done to it, in order. Unlike
    a real one it has no baud rate (a byte takes no time), a hang stops neither its clock nor a watchdog, and only one
    port can be open at a time, the last.

    Args:
        firmware: What runs on it.
        drift_ppm: How much faster its clock is than the host's.
        start_us: What its clock says at the start.
        on_pty: Its line is a pseudo-terminal, and the host's end the real ``SerialPort``.
    """

    pins: Final = 5

    def __init__(
        self, firmware: Firmware | None = None, drift_ppm: float = 0.0, start_us: int = 0, on_pty: bool = False
    ) -> None:
        self.firmware: Firmware = firmware if firmware is not None else FakeFirmware()
        self.history: list[tuple[Any, ...]] = []
        self._rate = 1 + drift_ppm / 1e6
        self._start_us = start_us
        self._on_pty = on_pty
        self._started_ns = time.monotonic_ns()
        self._levels = ALL_HIGH
        self._lock = threading.RLock()
        self._line: _Line | None = None
        self._plugged_in = True
        self._hangs = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fake microcontroller", daemon=True)

    def __enter__(self) -> Self:
        self._boot(ResetCause.POWER_ON)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._hang_up()

    def open_port(self) -> Port:
        """Open its port.

        Raises:
            PortLost: It is unplugged.
        """
        with self._lock:
            self.history.append(("open",))
            if not self._plugged_in:
                raise PortLost("fake port: the controller is unplugged: plug it in")
            self._hang_up()
            if self._on_pty:
                terminal = self._line = _Terminal()
                return terminal.host
            host, controller = socket.socketpair()
            for end in (host, controller):
                end.setblocking(False)
            self._line = controller
            return FakePort(host)

    def press(self, pin: int) -> None:
        """Pull an input pin down."""
        self._set_level(pin, 0)

    def release(self, pin: int) -> None:
        """Let the pull-up have the pin."""
        self._set_level(pin, 1)

    def hang(self) -> None:
        """Stop the processor."""
        self._do("hang")
        self._hangs = True

    def revive(self) -> None:
        """Let it go on."""
        self._do("revive")
        self._hangs = False

    def reset(self) -> None:
        """Pull its reset line; a hang is over then."""
        with self._lock:
            self._do("reset")
            self._hangs = False
            self._boot(ResetCause.EXTERNAL)

    def unplug(self) -> None:
        """Take line and power away."""
        with self._lock:
            self._do("unplug")
            self._plugged_in = False
            self._hang_up()

    def plug_in(self) -> None:
        """Give it line and power; it starts anew."""
        with self._lock:
            self._do("plug_in")
            if not self._plugged_in:
                self._plugged_in, self._hangs = True, False
                self._boot(ResetCause.POWER_ON)

    @property
    def lamp(self) -> Lamp:
        """What the lamp shows."""
        with self._lock:
            return self.firmware.lamp

    @property
    def relays(self) -> int:
        """Bit n: relay n is closed."""
        with self._lock:
            return self.firmware.relays

    def now_us(self) -> int:
        """What its clock says."""
        return self._start_us + int((time.monotonic_ns() - self._started_ns) * self._rate) // 1000

    def _do(self, *what: Any) -> None:
        with self._lock:
            self.history.append(what)

    def _set_level(self, pin: int, level: int) -> None:
        with self._lock:
            self._do("release" if level else "press", pin)
            self._levels = self._levels & ~(1 << pin) | level << pin
            if not self._hangs:
                self.firmware.set_levels(self._levels, self.now_us())

    def _boot(self, cause: ResetCause) -> None:
        with self._lock:
            self._started_ns = time.monotonic_ns()
            self.firmware.boot(self.now_us(), cause, self._levels)

    def _hang_up(self) -> None:
        with self._lock:
            line, self._line = self._line, None
            if line is not None:
                line.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            line = self._line
            if line is None or self._hangs:
                time.sleep(TICK_S)
            else:
                with contextlib.suppress(OSError, ValueError):  # closed meanwhile
                    select.select([line], [], [], TICK_S)
            with self._lock:
                if self._plugged_in and not self._hangs:
                    self._work()

    def _work(self) -> None:
        """One pass of the processor's loop."""
        if self._line is not None:
            try:
                if data := self._line.recv(4096):
                    self.firmware.receive(data, self.now_us())
                else:
                    self._hang_up()  # the host has closed its end
            except BlockingIOError:
                pass
            except OSError:  # a terminal says so when its other end is closed
                self._hang_up()
        self.firmware.set_levels(self._levels, self.now_us())
        self.firmware.tick(self.now_us())
        output = self.firmware.take_output()
        if self._line is not None and output:
            with contextlib.suppress(OSError):  # full, or the host is gone: lost, as on a real line
                self._line.send(output)
