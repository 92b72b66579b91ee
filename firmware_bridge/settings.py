"""What the controller is told after each greeting: its pins' meaning and the foot switch's timing."""

from dataclasses import dataclass

from firmware_bridge.codes import PinRole
from firmware_bridge.messages import Command, SetPin, SetTiming


@dataclass(frozen=True, slots=True)
class PinSettings:
    """What an input pin is wired to."""

    role: PinRole
    active_low: bool = True
    debounce_ms: int = 20


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """What the controller is told after each greeting."""

    pins: tuple[PinSettings, ...] = ()
    """From pin 0 on; empty: as the firmware has them."""
    hold_ms: int = 1000
    double_press_ms: int = 400

    def commands(self, pins: int) -> list[Command]:
        """For a controller with so many pins."""
        settings = enumerate(self.pins[:pins])
        return [
            *(SetPin(number, pin.role, int(pin.active_low), pin.debounce_ms) for number, pin in settings),
            SetTiming(self.hold_ms, self.double_press_ms),
        ]
