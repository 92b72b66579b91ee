"""The section [serial]: the microcontroller with foot switch, freeze and exposure lines, lamp, buzzer and relays."""

from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from edge_app.config_section import Section

PinName: TypeAlias = Literal["none", "foot_switch", "freeze", "exposure", "probe", "enclosure"]
TakesPicture: TypeAlias = Literal[
    "foot_switch_press", "foot_switch_hold", "foot_switch_double", "freeze_on", "freeze_off", "exposure_start",
    "exposure_end",
]  # fmt: skip
"""Events that can take a picture."""


class SerialConfig(Section):
    """The microcontroller at a serial port."""

    device: str = Field(default="", pattern=r"^(|auto|/.+|usb:[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}(:.+)?)$")
    """Empty: there is no controller. ``auto``: the only USB serial port. ``usb:VID:PID`` or ``usb:VID:PID:SERIAL``, as
    ``lsusb`` prints them. Or a path, best one below ``/dev/serial/by-path``."""
    pins: tuple[PinName, ...] = Field(default=("foot_switch", "freeze", "exposure", "probe", "enclosure"), max_length=8)
    """What each input is wired to, from pin 0 on."""
    active_high_pins: tuple[int, ...] = ()
    """Numbers of the pins that are active at a high level; the others are at a low one (a switch to ground)."""
    switch_debounce_ms: int = Field(default=20, ge=1, le=200)
    """For foot switch, probe and enclosure: a change counts when the level was still for so long."""
    line_debounce_ms: int = Field(default=2, ge=1, le=200)
    """The same for freeze and exposure, which do not bounce; shorter pulses are not seen."""
    hold_ms: int = Field(default=1000, ge=200, le=10_000)
    """A foot switch that is down for so long is held."""
    double_press_ms: int = Field(default=400, ge=100, le=2000)
    """A second press within so long is a double one."""
    take_picture_on: tuple[TakesPicture, ...] = ("foot_switch_press", "freeze_on", "exposure_start")
    """Events upon which the picture is analysed whose time is nearest to the event's."""
    picture_delay_ms: float = Field(default=0.0, ge=0, le=2000)
    """How long a picture takes from the scanner's screen until it is captured; taken off before comparing times."""

    @model_validator(mode="after")
    def _check_pins(self) -> "SerialConfig":
        if wrong := [number for number in self.active_high_pins if not 0 <= number < len(self.pins)]:
            raise ValueError(f"active_high_pins names {wrong}: pins has numbers 0 to {len(self.pins) - 1}")
        return self
