"""Input pins of the fake controller: debounce, and what a change means by the pin's role."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from firmware_bridge.codes import EventKind, PinRole

Tell: TypeAlias = Callable[[EventKind, int, int], None]
"""Takes an event's kind, time in us and value."""

LONGEST_MS: Final = 1_000_000
"""Limit of an event's value."""
ON_OFF: Final = {
    PinRole.FREEZE: (EventKind.FREEZE_ON, EventKind.FREEZE_OFF),
    PinRole.PROBE: (EventKind.PROBE_CONNECTED, EventKind.PROBE_DISCONNECTED),
    PinRole.ENCLOSURE: (EventKind.ENCLOSURE_OPENED, EventKind.ENCLOSURE_CLOSED),
}


@dataclass(slots=True)
class FootSwitchTiming:
    """When a press counts as held, and two as double."""

    hold_ms: int = 1000
    double_press_ms: int = 400


class FakePin:
    """One input: a change counts once the level was still for the debounce time, stamped with its first edge."""

    def __init__(self, role: PinRole, timing: FootSwitchTiming, active_low: bool = True, debounce_ms: int = 20) -> None:
        self.settings = (role, active_low, debounce_ms)
        self.active = False
        self._timing = timing
        self._level = 1 if active_low else 0
        self._first_us = self._changed_us = 0
        self._moving = self._settling = False
        self._since_us = 0
        self._last_press_us: int | None = None
        self._hold_told = True

    def set_up(self, role: PinRole, active_low: bool, debounce_ms: int, now_us: int, level: int) -> None:
        """Take other settings; a state such as a connected probe is told anew, a pedal that is down is not."""
        if (role, active_low, debounce_ms) == self.settings:
            return
        self.settings = (role, active_low, debounce_ms)
        self._last_press_us, self._hold_told = None, True
        self.active = False
        self._level, self._moving, self._settling = level, True, True
        self._first_us = self._changed_us = now_us

    def change(self, level: int, at_us: int, tell: Tell) -> None:
        """The level changed; tells what had become certain before."""
        if level == self._level:
            return
        self.tick(at_us, tell)
        self._level, self._changed_us = level, at_us
        if not self._moving:
            self._moving, self._first_us = True, at_us

    def tick(self, now_us: int, tell: Tell) -> None:
        """Tell what has become certain by now."""
        role, _, debounce_ms = self.settings
        if self._moving and now_us - self._changed_us >= debounce_ms * 1000:
            silent = self._settling and role not in (PinRole.PROBE, PinRole.ENCLOSURE)
            self._moving = self._settling = False
            active = self._is_active(self._level)
            if active != self.active:
                self.active = active
                if silent:
                    self._since_us = self._first_us
                else:
                    self._switched(role, tell)
        if not self._hold_told and self.active and now_us - self._since_us >= self._timing.hold_ms * 1000:
            self._hold_told = True
            tell(EventKind.FOOT_SWITCH_HOLD, self._since_us + self._timing.hold_ms * 1000, 0)

    def _switched(self, role: PinRole, tell: Tell) -> None:
        at_us = self._first_us
        if role in ON_OFF:
            tell(ON_OFF[role][0 if self.active else 1], at_us, 0)
        elif role is PinRole.EXPOSURE and self.active:
            tell(EventKind.EXPOSURE_START, at_us, 0)
        elif role is PinRole.EXPOSURE:
            tell(EventKind.EXPOSURE_END, at_us, min((at_us - self._since_us) // 1000, LONGEST_MS))
        elif role is PinRole.FOOT_SWITCH and self.active:
            last_us = self._last_press_us
            double = last_us is not None and at_us - last_us <= self._timing.double_press_ms * 1000
            self._last_press_us = None if double else at_us
            tell(EventKind.FOOT_SWITCH_DOUBLE if double else EventKind.FOOT_SWITCH_PRESS, at_us, 0)
        self._since_us = at_us
        self._hold_told = not (role is PinRole.FOOT_SWITCH and self.active)

    def _is_active(self, level: int) -> bool:
        return bool(level) != self.settings[1]
