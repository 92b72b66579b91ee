"""The controller's side of the protocol in Python, as a state machine: what the reference firmware does, in memory."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from firmware_bridge.codes import Capability, EventKind, Lamp, NakReason, PinRole, ResetCause
from firmware_bridge.errors import BadMessage
from firmware_bridge.fake_inputs import FakePin, FootSwitchTiming
from firmware_bridge.framing import FrameParser, encode_frame
from firmware_bridge.messages import (
    HEADER,
    HEARTBEAT_HOST_SILENT,
    MESSAGES,
    PROTOCOL_VERSION,
    SEQUENCES,
    Ack,
    Buzz,
    ControllerEvent,
    EventTaken,
    Heartbeat,
    Hello,
    Message,
    Nak,
    Ping,
    Pong,
    SetLamp,
    SetPin,
    SetRelay,
    SetTiming,
    Welcome,
    decode,
    encode,
)

EVENTS_KEPT: Final = 32
"""The oldest is dropped for a new one; its counter is then missing, which the host sees."""
SILENCE_US: Final = 2_000_000
HEARTBEAT_US: Final = 500_000
EVENT_RETRY_FIRST_US: Final = 50_000
EVENT_RETRY_LONGEST_US: Final = 800_000
ROLES: Final = (PinRole.FOOT_SWITCH, PinRole.FREEZE, PinRole.EXPOSURE, PinRole.PROBE, PinRole.ENCLOSURE)
RELAYS: Final = 2


class Firmware(Protocol):
    """A controller's firmware without its board: the time goes in with every call, and never goes back."""

    def boot(self, now_us: int, cause: ResetCause, levels: int) -> None:
        """Start anew; bit n of ``levels`` is the level of pin n."""

    def receive(self, data: bytes, now_us: int) -> None:
        """Bytes from the line."""

    def set_levels(self, levels: int, now_us: int) -> None:
        """The input pins' levels."""

    def tick(self, now_us: int) -> None:
        """Time has passed; called every millisecond or so."""

    def take_output(self) -> bytes:
        """Bytes for the line."""

    @property
    def lamp(self) -> Lamp:
        """What the lamp shows."""

    @property
    def relays(self) -> int:
        """Bit n: relay n is closed."""

    @property
    def buzzes_hz(self) -> list[int]:
        """The frequency of every buzz since the start, in order."""


@dataclass(slots=True)
class FakeFirmware:
    """``Firmware`` in Python.

    Unlike the real one it stamps a pin's change exactly, and its buzzer is a line in ``history``, which holds every
    command that was carried out, in order.
    """

    battery_mv: int | None = None
    temperature_decidegrees: int | None = 350
    history: list[Message] = field(default_factory=list)
    _parser: FrameParser = field(default_factory=FrameParser)
    _output: bytearray = field(default_factory=bytearray)
    _events: deque[ControllerEvent] = field(default_factory=deque)
    _pins: list[FakePin] = field(default_factory=list)
    _timing: FootSwitchTiming = field(default_factory=FootSwitchTiming)
    _levels: int = 0
    _counter: int = 0
    _session: int = 0
    _welcome: Welcome | None = None
    _last_sequence: int = 0
    _last_answer: Message | None = None
    _cause: ResetCause = ResetCause.POWER_ON
    _commanded: Lamp = Lamp.OFF
    _relays: int = 0
    _heard_us: int = 0
    _heartbeat_us: int = 0
    _event_us: int = 0
    _event_retry_us: int = EVENT_RETRY_FIRST_US
    _now_us: int = 0
    _told: dict[EventKind, int] = field(default_factory=dict)
    _measure_us: int = 0

    def boot(self, now_us: int, cause: ResetCause, levels: int) -> None:
        """Start anew."""
        self._parser.reset()
        self._output.clear()
        self._events.clear()
        self._timing = FootSwitchTiming()
        self._pins = [FakePin(PinRole.NONE, self._timing) for _ in ROLES]
        for number, (pin, role) in enumerate(zip(self._pins, ROLES, strict=True)):
            pin.set_up(role, True, 20, now_us, levels >> number & 1)
        self._levels, self._counter, self._session, self._cause = levels, 0, 0, cause
        self._welcome = self._last_answer = None
        self._commanded, self._relays = Lamp.OFF, 0
        self._heard_us = self._heartbeat_us = self._measure_us = self._now_us = now_us
        self._told.clear()
        self._measure_sensors()

    def receive(self, data: bytes, now_us: int) -> None:
        """Bytes from the line."""
        self._now_us = now_us
        for pin in self._pins:
            pin.tick(now_us, self._happen)
        for payload in self._parser.feed(data):
            if payload[0] < 0x80:  # the rest is an echo
                self._heard_us = now_us
                self._take(payload)
        self.tick(now_us)

    def set_levels(self, levels: int, now_us: int) -> None:
        """The input pins' levels."""
        self._now_us = now_us
        for number, pin in enumerate(self._pins):
            pin.change(levels >> number & 1, now_us, self._happen)
        self._levels = levels

    def tick(self, now_us: int) -> None:
        """Time has passed."""
        self._now_us = now_us
        for pin in self._pins:
            pin.tick(now_us, self._happen)
        self._measure_sensors()
        if now_us >= self._heartbeat_us:
            self._heartbeat_us = now_us + HEARTBEAT_US
            flags = HEARTBEAT_HOST_SILENT if self._host_is_silent else 0
            self._write(Heartbeat(self._session, now_us, self._counter, self.lamp, flags), 0)
        if self._session and self._events and now_us >= self._event_us:
            self._event_us = now_us + self._event_retry_us
            self._event_retry_us = min(2 * self._event_retry_us, EVENT_RETRY_LONGEST_US)
            event = self._events[0]
            self._write(ControllerEvent(self._session, event.counter, event.time_us, event.event, event.value), 0)

    def take_output(self) -> bytes:
        """Bytes for the line."""
        data = bytes(self._output)
        self._output.clear()
        return data

    @property
    def lamp(self) -> Lamp:
        """What the lamp shows."""
        return Lamp.FAULT if self._host_is_silent else self._commanded

    @property
    def relays(self) -> int:
        """Bit n: relay n is closed."""
        return self._relays

    @property
    def buzzes_hz(self) -> list[int]:
        """The frequency of every buzz, in order."""
        return [command.frequency_hz for command in self.history if isinstance(command, Buzz)]

    @property
    def _host_is_silent(self) -> bool:
        return self._now_us - self._heard_us >= SILENCE_US

    def _write(self, message: Message, sequence: int) -> None:
        self._output += encode_frame(encode(message, sequence))

    def _happen(self, kind: EventKind, time_us: int, value: int) -> None:
        self._counter += 1
        if len(self._events) == EVENTS_KEPT:
            self._events.popleft()
        if not self._events:
            self._event_us, self._event_retry_us = 0, EVENT_RETRY_FIRST_US
        self._events.append(ControllerEvent(self._session, self._counter, time_us, kind, value))

    def _measure_sensors(self) -> None:
        if self._now_us >= self._measure_us:
            self._measure_us = self._now_us + 1_000_000
            self._measure(EventKind.BATTERY, self.battery_mv, 100)
            self._measure(EventKind.TEMPERATURE, self.temperature_decidegrees, 20)

    def _measure(self, kind: EventKind, value: int | None, step: int) -> None:
        if value is not None and abs(value - self._told.get(kind, -1_000_000)) >= step:
            self._told[kind] = value
            self._happen(kind, self._now_us, value)

    def _take(self, payload: bytes) -> None:
        kind, sequence = HEADER.unpack_from(payload)
        try:
            message: Any = decode(payload)[0]
        except BadMessage:
            message = None
        if isinstance(message, EventTaken):
            self._events_taken(message)
        elif isinstance(message, Hello):
            self._write(self._greet(message, sequence), sequence)
        elif kind == Hello.KIND:
            self._write(Nak(kind, NakReason.BAD_VALUE, 0, 0), sequence)
        elif kind == EventTaken.KIND:
            return
        elif not self._session:
            self._write(Nak(kind, NakReason.NOT_GREETED, 0, 0), sequence)
        else:
            newer = (sequence - self._last_sequence) % SEQUENCES
            if 0 < newer < SEQUENCES // 2:
                self._last_sequence = sequence
                self._last_answer = self._answer(kind, message)
            if newer < SEQUENCES // 2 and self._last_answer is not None:
                self._write(self._last_answer, sequence)

    def _greet(self, hello: Hello, sequence: int) -> Message:
        if not hello.min_version <= PROTOCOL_VERSION <= hello.max_version:
            return Nak(Hello.KIND, NakReason.VERSION, PROTOCOL_VERSION, PROTOCOL_VERSION)
        if self._welcome is None or hello.session != self._session:
            capabilities = Capability.LAMP | Capability.BUZZER | Capability.RELAY
            capabilities |= Capability.BATTERY if self.battery_mv is not None else Capability(0)
            capabilities |= Capability.TEMPERATURE if self.temperature_decidegrees is not None else Capability(0)
            active = sum(pin.active << number for number, pin in enumerate(self._pins))
            waiting = self._events[0].counter if self._events else self._counter + 1
            self._welcome = Welcome(
                PROTOCOL_VERSION, capabilities, len(self._pins), RELAYS, self._cause, active, 0, 1, 0, 0,
                self._session, waiting, self._now_us, self._now_us, b"fake",
            )  # fmt: skip
            self._session = hello.session
            self._last_sequence, self._last_answer = sequence, None
            self._event_us, self._event_retry_us = 0, EVENT_RETRY_FIRST_US
        if 0 < (sequence - self._last_sequence) % SEQUENCES < SEQUENCES // 2:
            # Proposed again. A late copy of the first proposal changes nothing.
            self._last_sequence, self._last_answer = sequence, None
        return self._welcome

    def _events_taken(self, message: EventTaken) -> None:
        if message.session != self._session:
            return
        while self._events and self._events[0].counter <= message.counter:
            self._events.popleft()
            self._event_us, self._event_retry_us = 0, EVENT_RETRY_FIRST_US

    def _answer(self, kind: int, message: Any) -> Message:
        if kind not in MESSAGES:
            return Nak(kind, NakReason.UNKNOWN_COMMAND, 0, 0)
        match message:
            case Ping():
                return Pong(self._now_us, self._now_us)
            case SetLamp(lamp):
                self._commanded = lamp
            case Buzz():
                pass
            case SetRelay(relay, closed) if relay < RELAYS:
                self._relays = self._relays & ~(1 << relay) | closed << relay
            case SetPin(pin, role, active_low, debounce_ms) if pin < len(self._pins):
                level = self._levels >> pin & 1
                self._pins[pin].set_up(role, bool(active_low), debounce_ms, self._now_us, level)
            case SetTiming(hold_ms, double_press_ms):
                self._timing.hold_ms, self._timing.double_press_ms = hold_ms, double_press_ms
            case SetRelay() | SetPin():
                return Nak(kind, NakReason.NOT_AVAILABLE, 0, 0)
            case _:
                return Nak(kind, NakReason.BAD_VALUE, 0, 0)
        self.history.append(message)
        return Ack(kind)
