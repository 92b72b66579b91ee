"""Microcontrollers for tests: the fake, the firmware compiled for this machine, the firmware on an emulated board."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

from firmware_bridge.bridge import Bridge
from firmware_bridge.codes import EventKind, Lamp
from firmware_bridge.compiled_firmware import compile_firmware
from firmware_bridge.emulator import build_firmware, missing_packages
from firmware_bridge.errors import EmulatorUnavailable
from firmware_bridge.ledger import TimedEvent
from firmware_bridge.port import Port
from firmware_bridge.settings import ControllerSettings


class Microcontroller(AbstractContextManager["Microcontroller"], Protocol):
    """What a test can do with any controller."""

    pins: int

    def open_port(self) -> Port: ...
    def press(self, pin: int) -> None: ...
    def release(self, pin: int) -> None: ...
    def hang(self) -> None: ...
    def revive(self) -> None: ...
    def reset(self) -> None: ...
    def unplug(self) -> None: ...
    def plug_in(self) -> None: ...
    @property
    def lamp(self) -> Lamp: ...
    @property
    def relays(self) -> int: ...


def skip_or_fail(why: str) -> None:
    """Skip the test, or fail it where nothing may be skipped."""
    if os.environ.get("EDGE_CAD_REQUIRE_ALL") == "1":
        pytest.fail(why)
    pytest.skip(why)


def compiled_library(folder: Path) -> Path:
    """The firmware's portable part for this machine; a file of its own, and so a state of its own."""
    try:
        return compile_firmware(folder)
    except EmulatorUnavailable as error:
        skip_or_fail(str(error))
        raise


_image: list[Path] = []


def firmware_image() -> Path:
    """The firmware for the emulated board, built once per run."""
    if missing := missing_packages():
        skip_or_fail(f"the board cannot be emulated: apt-get install {' '.join(missing)}")
    if not _image:
        folder = Path(tempfile.mkdtemp(prefix="edge-cad-firmware-"))
        _image.append(build_firmware(folder))
    return _image[0]


def remove_firmware_image() -> None:
    """Delete what ``firmware_image`` has built."""
    while _image:
        shutil.rmtree(_image.pop().parent)


class Watched:
    """A running bridge and all that it said."""

    def __init__(
        self,
        open_port: Callable[[], Port],
        settings: ControllerSettings | None = None,
        lamp: Callable[[], Lamp | None] = lambda: Lamp.SCANNING,
    ) -> None:
        self.events: list[TimedEvent] = []
        self.states: list[str] = []
        self.bridge = Bridge(
            open_port,
            settings or ControllerSettings(),
            self.events.append,
            lamp,
            lambda state: self.states.append(state.state),
            shortest_pause_s=0.02,
        )

    def __enter__(self) -> "Watched":
        self.bridge.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bridge.stop()
        assert not any(thread.name == "firmware bridge" for thread in threading.enumerate())

    def kinds(self, since_ns: int = 0) -> list[EventKind]:
        """An event that the last host took, and had no time to say so, comes again; it happened before."""
        return [event.kind for event in self.events if event.happened_ns + event.uncertainty_ns >= since_ns]

    def wait_until(self, condition: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, (
                f"after {timeout_s} s: not {what}; {self.bridge.state}, {self.bridge.figures}, {self.kinds()}"
            )
            time.sleep(0.005)

    def wait_up(self) -> None:
        self.wait_until(lambda: self.bridge.state.state == "up", "up")
