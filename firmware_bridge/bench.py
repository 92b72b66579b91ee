"""How fast and how sure a link is: round trips of commands while events come."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from firmware_bridge.bridge import Bridge
from firmware_bridge.codes import EventKind, Lamp, PinRole
from firmware_bridge.ledger import TimedEvent
from firmware_bridge.messages import SetTiming
from firmware_bridge.port import OpenPort
from firmware_bridge.settings import ControllerSettings, PinSettings

PIN: Final = 1
"""The pin that is switched; told to be a freeze line for the while."""
UP_WITHIN_S: Final = 10.0
EVENT_WITHIN_S: Final = 5.0
SETTLE_S: Final = 0.5
EVENTS: Final = (EventKind.FREEZE_ON, EventKind.FREEZE_OFF)


class Switches(Protocol):
    """What can switch an input pin of the controller."""

    def press(self, pin: int) -> None:
        """Make it active."""

    def release(self, pin: int) -> None:
        """Make it inactive."""


@dataclass(frozen=True, slots=True)
class BenchFigures:
    """What was measured; ``round_trip`` from the command's first byte to the end of its answer."""

    controller: str
    sent: int
    answered: int
    round_trip_p50_ms: float
    round_trip_p99_ms: float
    round_trip_worst_ms: float
    events: int
    """Pin changes made; 0 where nothing can switch the pins."""
    events_taken: int
    events_lost_counted: int
    events_lost_uncounted: int
    repeated: int
    damaged: int
    event_uncertainty_ms: float
    """The worst one stated."""

    @property
    def good(self) -> bool:
        """Whether every command was answered and no event vanished."""
        return self.sent > 0 and self.answered == self.sent and self.events_lost_uncounted == 0


def measure_link(
    open_port: OpenPort,
    commands: int,
    switches: Switches | None = None,
    events: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> BenchFigures:
    """Send so many commands, one after the other, and switch a pin meanwhile.

    Args:
        open_port: Opens the controller's port.
        commands: Each of them sets the foot switch's timing to what it is.
        switches: Switches the pin; None: no events are made.
        events: How many pin changes to make, evenly between the commands; an even number.
        progress: Called with the number of commands done.

    Raises:
        PortLost: The controller cannot be reached.
    """
    taken: list[TimedEvent] = []
    pins = [PinSettings(PinRole.NONE)] * 5
    pins[PIN] = PinSettings(PinRole.FREEZE, debounce_ms=1)
    settings = ControllerSettings(tuple(pins) if switches is not None else ())
    bridge = Bridge(
        open_port, settings, lambda event: taken.append(event) if event.kind in EVENTS else None, lambda: Lamp.SCANNING
    )
    bridge.start()
    try:
        bridge.wait_up(UP_WITHIN_S)
        time.sleep(SETTLE_S)
        taken.clear()  # what happened before
        lost_before = bridge.figures.events_lost
        trips_ns, made, every = [], 0, max(1, commands // events) if switches is not None and events else 0
        for number in range(commands):
            if switches is not None and every and number % every == 0 and made < events:
                made += 1
                switches.release(PIN) if made % 2 == 0 else switches.press(PIN)
                _wait_until(lambda made=made: len(taken) + bridge.figures.events_lost - lost_before >= made)  # type: ignore[misc]
            outcome = bridge.send(SetTiming(settings.hold_ms, settings.double_press_ms)).result()
            if outcome.status == "done":
                trips_ns.append(outcome.round_trip_ns)
            progress(number + 1)
        figures = bridge.figures
    finally:
        bridge.stop()
    trips_ms = sorted(trip_ns / 1e6 for trip_ns in trips_ns) or [0.0]
    counted = figures.events_lost - lost_before
    return BenchFigures(
        bridge.state.controller,
        commands,
        len(trips_ns),
        round(statistics.median(trips_ms), 3),
        round(trips_ms[min(len(trips_ms) - 1, int(len(trips_ms) * 0.99))], 3),
        round(trips_ms[-1], 3),
        made,
        len(taken),
        counted,
        made - len(taken) - counted if made else 0,
        figures.repeated,
        figures.damaged,
        round(max((event.uncertainty_ns for event in taken), default=0) / 1e6, 3),
    )


def _wait_until(condition: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + EVENT_WITHIN_S
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.001)
    return True
