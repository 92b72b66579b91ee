"""The microcontroller in the service: its events become messages and pictures, its lamp shows the service's state."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from edge_app.config_serial import SerialConfig
from edge_app.messages import ControllerHealth, Event, PartState, Trigger
from edge_app.records import Frame
from firmware_bridge.binding import Binding, FrameBinder
from firmware_bridge.bridge import Bridge, LinkState
from firmware_bridge.codes import EventKind, Lamp, PinRole
from firmware_bridge.ledger import TimedEvent
from firmware_bridge.port import OpenPort, open_serial_port
from firmware_bridge.settings import ControllerSettings, PinSettings

LINES: Final = (PinRole.FREEZE, PinRole.EXPOSURE)
"""Electronic lines, which do not bounce as a switch does."""
WORDS: Final = {
    EventKind.FOOT_SWITCH_PRESS: ("foot_switch", "the foot switch was pressed"),
    EventKind.FOOT_SWITCH_HOLD: ("foot_switch", "the foot switch is held"),
    EventKind.FOOT_SWITCH_DOUBLE: ("foot_switch", "the foot switch was pressed twice"),
    EventKind.FREEZE_ON: ("freeze", "the picture was frozen"),
    EventKind.FREEZE_OFF: ("freeze", "the picture moves again"),
    EventKind.EXPOSURE_START: ("exposure", "an X-ray exposure began"),
    EventKind.EXPOSURE_END: ("exposure", "an X-ray exposure ended"),
    EventKind.PROBE_CONNECTED: ("probe", "a probe was connected"),
    EventKind.PROBE_DISCONNECTED: ("probe", "a probe was disconnected"),
    EventKind.ENCLOSURE_OPENED: ("enclosure", "the enclosure was opened"),
    EventKind.ENCLOSURE_CLOSED: ("enclosure", "the enclosure was closed"),
    EventKind.BATTERY: ("battery", "the battery's voltage changed"),
    EventKind.TEMPERATURE: ("controller_temperature", "the controller's temperature changed"),
}
"""Kind of the message, and its text."""
VALUES: Final = {EventKind.EXPOSURE_END: "length_ms", EventKind.BATTERY: "mv", EventKind.TEMPERATURE: "decidegrees"}


def controller_settings(config: SerialConfig) -> ControllerSettings:
    """What the controller is told of its pins."""
    pins = []
    for number, name in enumerate(config.pins):
        role = PinRole[name.upper()]
        debounce_ms = config.line_debounce_ms if role in LINES else config.switch_debounce_ms
        pins.append(PinSettings(role, number not in config.active_high_pins, debounce_ms))
    return ControllerSettings(tuple(pins), config.hold_ms, config.double_press_ms)


class Controller:
    """The microcontroller, joined with the service's parts.

    Args:
        config: Where it is and what its pins mean.
        device_id: Of this box, in messages.
        publish: Takes each event's message.
        take: Takes the picture that an event asks for, with what the report says of the event.
        lamp: Says what the lamp is to show.
        changed: Called when ``link`` or ``health`` is another one.
        open_port: Instead of the port that the configuration names.
    """

    def __init__(
        self,
        config: SerialConfig,
        device_id: str,
        publish: Callable[[Event], None],
        take: Callable[[Frame, Trigger], None],
        lamp: Callable[[], Lamp],
        changed: Callable[[], None],
        open_port: OpenPort | None = None,
    ) -> None:
        self._device_id, self._publish, self._take, self._choose_lamp = device_id, publish, take, lamp
        self._changed = changed
        self._takes_picture = {EventKind[name.upper()] for name in config.take_picture_on}
        self._binder: FrameBinder[Frame] = FrameBinder(self._bound, round(config.picture_delay_ms * 1e6))
        self._ids: dict[TimedEvent, str] = {}
        """Message ids of the events that wait for their picture."""
        self._bridge = Bridge(
            open_port or (lambda: open_serial_port(config.device)),
            controller_settings(config),
            self._happened,
            self._lamp,
            self._link_changed,
        )

    def start(self) -> None:
        """Begin."""
        self._bridge.start()

    def stop(self) -> None:
        """End; the controller shows the fault two seconds later."""
        self._bridge.stop()

    def see(self, frame: Frame) -> None:
        """Remember a picture for the events that may belong to it; from any thread, best the one that captures."""
        self._binder.add_frame(frame, frame.captured_ns, frame.pixels.nbytes)

    @property
    def failed(self) -> bool:
        """Whether the bridge met a bug, and ended."""
        return self._bridge.state.state == "failed"

    def link(self) -> PartState:
        """``up``, or ``down`` with the reason and the way out."""
        state = self._bridge.state
        if state.state == "up":
            return PartState(state="up")
        return PartState(state="down", reason=state.reason or "the link is not started yet")

    def health(self) -> ControllerHealth:
        """What is known of the controller."""
        state, figures = self._bridge.state, self._bridge.figures
        return ControllerHealth(
            firmware=state.controller,
            battery=state.battery_v,
            temperature=state.temperature,
            round_trip_ms=round(figures.round_trip_ms, 3),
            events=figures.events,
            events_lost=figures.events_lost,
            resets=figures.resets,
        )

    def _lamp(self) -> Lamp:
        self._binder.tick(time.monotonic_ns())
        return self._choose_lamp()

    def _link_changed(self, state: LinkState) -> None:
        self._changed()

    def _happened(self, event: TimedEvent) -> None:
        """An event: a message now, and a picture as soon as the nearest is known."""
        kind, text = WORDS[event.kind]
        details: dict[str, str | int | float | bool] = {
            "event": event.kind.name.lower(),
            "counter": event.counter,
            "uncertainty_ms": _ms(event.uncertainty_ns),
        }
        if event.kind in VALUES:
            details[VALUES[event.kind]] = event.value
        message = Event(
            device_id=self._device_id, at=_wall_time(event.happened_ns), kind=kind, text=text, details=details
        )
        self._publish(message)
        if event.kind in self._takes_picture:
            self._ids[event] = message.event_id
            self._binder.add_event(event, time.monotonic_ns())

    def _bound(self, binding: Binding[Frame]) -> None:
        event = binding.event
        event_id = self._ids.pop(event)
        name = event.kind.name.lower()
        if binding.frame is None:
            details: dict[str, str | int | float | bool] = {"event": name, "event_id": event_id}
            text = f"{WORDS[event.kind][1]}, but no picture was captured within half a second of it"
            self._publish(
                Event(device_id=self._device_id, at=datetime.now(UTC), kind="no_picture", text=text, details=details)
            )
            return
        trigger = Trigger(
            event=name,
            event_id=event_id,
            happened_at=_wall_time(event.happened_ns),
            offset_ms=_ms(binding.offset_ns),
            uncertainty_ms=_ms(event.uncertainty_ns),
        )
        self._take(binding.frame, trigger)


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)


def _wall_time(at_ns: int) -> datetime:
    """Wall time of a moment of the monotonic clock."""
    return datetime.now(UTC) - timedelta(microseconds=(time.monotonic_ns() - at_ns) // 1000)
