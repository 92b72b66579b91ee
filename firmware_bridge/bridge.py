"""The bridge to the microcontroller: one thread that keeps the link up, whatever happens to the port."""

import contextlib
import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Literal

from firmware_bridge.codes import EventKind, Lamp
from firmware_bridge.errors import PortLost
from firmware_bridge.exchange import Outcome
from firmware_bridge.ledger import TimedEvent
from firmware_bridge.link import Link
from firmware_bridge.messages import Command
from firmware_bridge.port import OpenPort, Port
from firmware_bridge.settings import ControllerSettings

log = logging.getLogger(__name__)

REOPEN_FIRST_S: Final = 0.25
REOPEN_LONGEST_S: Final = 5.0
"""Pauses between attempts to open the port; each is twice the one before."""
LOOK_S: Final = 0.25
"""How often the lamp is asked for at least."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the link does; two equal ones tell the same."""

    state: Literal["stopped", "down", "up", "failed"]
    reason: str = ""
    """Why it is not up, in plain words, with the way out."""
    controller: str = ""
    """Board and firmware version; empty until it was greeted."""
    battery_v: float | None = None
    temperature: float | None = None
    """Degrees Celsius."""


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """What has been counted, and how good the line is."""

    sent: int = 0
    """Commands, without their repeats."""
    answered: int = 0
    repeated: int = 0
    """Frames sent again."""
    damaged: int = 0
    """Received frames with a wrong CRC, length or escape."""
    events: int = 0
    """Taken."""
    events_lost: int = 0
    """Known from gaps in their counter."""
    resets: int = 0
    round_trip_ms: float = 0.0
    """Smoothed; 0 before the first."""
    drift_ppm: float = 0.0
    """How much slower the controller's clock is than the host's."""
    drift_uncertainty_ppm: float = 0.0


class Bridge:
    """Keeps the link to a controller up, in a thread of its own.

    A controller that is missing, hangs, resets or is unplugged is a state, never an error.

    Args:
        open_port: Opens the port; called again after each loss.
        settings: What the controller is told after each greeting.
        on_event: Called in the bridge's thread with each event, once.
        lamp: Asked in the bridge's thread for what the lamp is to show, four times a second and after ``wake``.
        on_state: Called in the bridge's thread after each change of ``state``.
        shortest_pause_s: Before the second attempt to open the port; doubles up to 5 s.
    """

    def __init__(
        self,
        open_port: OpenPort,
        settings: ControllerSettings,
        on_event: Callable[[TimedEvent], None] = lambda event: None,
        lamp: Callable[[], Lamp | None] = lambda: None,
        on_state: Callable[[LinkState], None] = lambda state: None,
        shortest_pause_s: float = REOPEN_FIRST_S,
    ) -> None:
        self._open_port, self._on_event, self._lamp, self._on_state = open_port, on_event, lamp, on_state
        self._shortest_pause_s = shortest_pause_s
        self._link = Link(settings, self._take_event)
        self._state = LinkState("stopped")
        self._events = 0
        self._measured: dict[EventKind, float] = {}
        self._commands: deque[tuple[Command, Future[Outcome]]] = deque()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._ended = False
        self._lost = False
        """The port could not be opened, or was lost, at the last attempt."""
        self._waker = os.eventfd(0, os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="firmware bridge", daemon=True)

    @property
    def state(self) -> LinkState:
        """How the link does now."""
        return self._state

    @property
    def figures(self) -> LinkFigures:
        """Counts and quality until now."""
        link = self._link
        return LinkFigures(
            link.counts.sent,
            link.counts.answered,
            link.counts.repeated,
            link.parser.counts.damaged,
            self._events,
            link.ledger.lost,
            link.ledger.resets,
            link.timeout.mean_ns / 1e6,
            link.clock.drift_ppm,
            link.clock.drift_uncertainty_ppm,
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait_up(self, timeout_s: float) -> LinkState:
        """Wait until the controller was greeted.

        Raises:
            PortLost: It was not in this time, or the port cannot be opened; the text says why and the way out.
        """
        until_s = time.monotonic() + timeout_s
        while self._state.state != "up":
            if time.monotonic() > until_s or self._lost or self._state.state == "failed":
                raise PortLost(self._state.reason)
            time.sleep(0.01)
        return self._state

    def stop(self) -> None:
        """End the thread and let go of the port; commands that wait are reported as unanswered."""
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join()  # no call in it lasts longer than the write timeout
        with self._lock:
            self._refuse_commands("the bridge was stopped")
            if not self._ended:
                self._ended = True
                os.close(self._waker)

    def wake(self) -> None:
        """Have the lamp asked for now; from any thread."""
        with self._lock:
            if not self._ended:
                os.eventfd_write(self._waker, 1)

    def send(self, command: Command) -> Future[Outcome]:
        """Send a command; from any thread.

        Returns:
            Its outcome, within a few seconds, whatever happens to the link.
        """
        future: Future[Outcome] = Future()
        with self._lock:
            if self._ended or self._state.state in ("stopped", "failed"):
                future.set_result(Outcome("unanswered", "the bridge is not running"))
                return future
            self._commands.append((command, future))
        self.wake()
        return future

    def _run(self) -> None:
        pause_s = self._shortest_pause_s
        self._set_state("down", "the port is being opened")
        try:
            while not self._stopping.is_set():
                try:
                    with contextlib.closing(self._open_port()) as port:
                        log.info("serial port %s is open", port.name)
                        self._lost = False
                        self._serve(port)
                except PortLost as error:
                    if self._state.state == "up":
                        pause_s = self._shortest_pause_s
                    self._link.close(str(error), time.monotonic_ns())
                    self._set_state("down", str(error))
                    self._lost = True
                self._pause(pause_s)
                pause_s = min(2 * pause_s, REOPEN_LONGEST_S)
        except BaseException as error:
            self._set_state("failed", f"the bridge has a fault: {error!r}")
            raise
        finally:
            self._link.close("the bridge was stopped", time.monotonic_ns())
            if self._stopping.is_set():
                self._set_state("stopped", "")

    def _pause(self, pause_s: float) -> None:
        """Wait before the next attempt; commands are answered meanwhile."""
        until_s = time.monotonic() + pause_s
        while not self._stopping.is_set() and (rest_s := until_s - time.monotonic()) > 0:
            self._wait([], rest_s)
            self._submit_commands()

    def _serve(self, port: Port) -> None:
        """Work the line until the port is lost or the bridge is stopped."""
        link = self._link
        link.open(time.monotonic_ns())
        while not self._stopping.is_set():
            if (lamp := self._lamp()) is not None:
                link.show(lamp)
            self._submit_commands()
            link.tick(time.monotonic_ns())
            if output := link.take_output():
                port.write(output)
            self._tell_state()
            now_ns = time.monotonic_ns()
            due_s = (link.due_ns(now_ns) - now_ns) / 1e9
            if self._wait([port], min(max(0.0, due_s), LOOK_S)):
                data = port.read()
                link.receive(data, time.monotonic_ns())
        if receipts := link.take_output():
            port.write(receipts)  # an event that was taken should not come again to the next host

    def _wait(self, ports: list[Port], timeout_s: float) -> bool:
        """Wait for the ports, ``wake`` or the time; whether a port is readable."""
        watched: list[Port | int] = [*ports, self._waker]
        readable, _, _ = select.select(watched, [], [], timeout_s)
        if self._waker in readable:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._waker)
            readable.remove(self._waker)
        return bool(readable)

    def _submit_commands(self) -> None:
        while self._commands:
            command, future = self._commands.popleft()
            self._link.submit(command, future.set_result, time.monotonic_ns())

    def _refuse_commands(self, reason: str) -> None:
        while self._commands:
            self._commands.popleft()[1].set_result(Outcome("unanswered", reason))

    def _take_event(self, event: TimedEvent) -> None:
        self._events += 1
        if event.kind == EventKind.BATTERY:
            self._measured[event.kind] = event.value / 1000
        elif event.kind == EventKind.TEMPERATURE:
            self._measured[event.kind] = event.value / 10
        self._on_event(event)

    def _tell_state(self) -> None:
        link = self._link
        if link.state == "up":
            self._set_state("up", "")
        else:
            self._set_state("down", link.reason)

    def _set_state(self, state: Literal["stopped", "down", "up", "failed"], reason: str) -> None:
        welcome = self._link.welcome
        new = LinkState(
            state,
            reason,
            welcome.firmware if welcome is not None else "",
            self._measured.get(EventKind.BATTERY),
            self._measured.get(EventKind.TEMPERATURE),
        )
        if new == self._state:
            return
        if (new.state, new.reason) != (self._state.state, self._state.reason):
            log.info("controller link %s %s", new.state, new.reason)
        self._state = new
        self._on_state(new)
