"""What travels on the serial line: each message, its bytes and the limits of its fields. See PROTOCOL.md.

A payload is kind (1 byte), sequence (2 bytes) and the body; numbers are little-endian. Bytes become messages here and
nowhere else; frames around payloads are made in ``framing``.
"""

import struct
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import ClassVar, Final, TypeAlias

from firmware_bridge.codes import Capability, EventKind, Lamp, NakReason, PinRole, ResetCause
from firmware_bridge.errors import BadMessage

PROTOCOL_VERSION: Final = 1
SEQUENCES: Final = 65_536
"""Sequences of commands count modulo this."""
HEADER: Final = struct.Struct("<BH")
"""Kind and sequence."""
PAYLOAD_LONGEST: Final = 64
"""Bytes of kind, sequence and body."""
TIME_LIMIT_US: Final = 2**53
"""285 years: more is not a controller's time."""
PINS_MOST: Final = 8
RELAYS_MOST: Final = 4
NAME_LONGEST: Final = 12


HEARTBEAT_HOST_SILENT: Final = 1
"""Flag: the controller has not heard the host for two seconds and shows the fault by itself."""


@dataclass(frozen=True, slots=True)
class Message:
    """Base of every message: checked when it is made."""

    KIND: ClassVar[int]
    LAYOUT: ClassVar[struct.Struct]

    def _check(self, name: str, lowest: int, highest: int) -> None:
        value = getattr(self, name)
        if not lowest <= value <= highest:
            raise BadMessage(f"{type(self).__name__}.{name} is {value}, not {lowest} to {highest}")


@dataclass(frozen=True, slots=True)
class Hello(Message):
    """Host: begin a session."""

    KIND = 0x01
    LAYOUT = struct.Struct("<BBI")
    min_version: int
    max_version: int
    session: int
    """Chosen by the host at random, never 0; the same in every repeat."""

    def __post_init__(self) -> None:
        self._check("min_version", 1, 255)
        self._check("max_version", self.min_version, 255)
        self._check("session", 1, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Ping(Message):
    """Host: is somebody there, and what time is it? Also the host's heartbeat."""

    KIND = 0x02
    LAYOUT = struct.Struct("<")


@dataclass(frozen=True, slots=True)
class SetLamp(Message):
    """Host: show a state."""

    KIND = 0x03
    LAYOUT = struct.Struct("<B")
    lamp: Lamp

    def __post_init__(self) -> None:
        _set_enum(self, "lamp", Lamp)


@dataclass(frozen=True, slots=True)
class Buzz(Message):
    """Host: sound the buzzer once; a new one replaces the one that sounds."""

    KIND = 0x04
    LAYOUT = struct.Struct("<HH")
    frequency_hz: int
    duration_ms: int

    def __post_init__(self) -> None:
        self._check("frequency_hz", 100, 10_000)
        self._check("duration_ms", 1, 2_000)


@dataclass(frozen=True, slots=True)
class SetRelay(Message):
    """Host: open (0) or close (1) a relay."""

    KIND = 0x05
    LAYOUT = struct.Struct("<BB")
    relay: int
    closed: int

    def __post_init__(self) -> None:
        self._check("relay", 0, RELAYS_MOST - 1)
        self._check("closed", 0, 1)


@dataclass(frozen=True, slots=True)
class SetPin(Message):
    """Host: what an input pin means."""

    KIND = 0x06
    LAYOUT = struct.Struct("<BBBB")
    pin: int
    role: PinRole
    active_low: int
    """1: the pin is active when its level is low (a switch to ground)."""
    debounce_ms: int
    """A change counts once the level has been still for so long; it is stamped with its first edge."""

    def __post_init__(self) -> None:
        self._check("pin", 0, PINS_MOST - 1)
        _set_enum(self, "role", PinRole)
        self._check("active_low", 0, 1)
        self._check("debounce_ms", 1, 200)


@dataclass(frozen=True, slots=True)
class SetTiming(Message):
    """Host: when a press of the foot switch counts as held, and two presses as double."""

    KIND = 0x07
    LAYOUT = struct.Struct("<HH")
    hold_ms: int
    double_press_ms: int

    def __post_init__(self) -> None:
        self._check("hold_ms", 200, 10_000)
        self._check("double_press_ms", 100, 2_000)


@dataclass(frozen=True, slots=True)
class EventTaken(Message):
    """Host: every event up to this one is safe here. Has no answer; its sequence is 0."""

    KIND = 0x08
    LAYOUT = struct.Struct("<II")
    session: int
    counter: int


@dataclass(frozen=True, slots=True)
class Welcome(Message):
    """Controller: the answer to ``Hello``, who I am and what I have."""

    KIND = 0x81
    LAYOUT = struct.Struct("<BHBBBBHBBBIIQQ12s")
    version: int
    """Of the protocol, for this session."""
    capabilities: Capability
    pins: int
    """Number of input pins."""
    relays: int
    reset_cause: ResetCause
    active: int
    """Bit n: pin n is active now."""
    resolution_us: int
    """An event happened at its time or so much earlier."""
    firmware_major: int
    firmware_minor: int
    firmware_patch: int
    previous_session: int
    """The session before this one; 0: none since the controller started."""
    next_event: int
    """Counter of the oldest event that waits, or of the next one if none waits."""
    received_us: int
    """Controller's time when ``Hello`` came."""
    sent_us: int
    """Controller's time when this answer was written."""
    name: bytes
    """Of the board, printable ASCII, filled up with zero bytes."""

    def __post_init__(self) -> None:
        self._check("version", 1, 255)
        object.__setattr__(self, "capabilities", Capability(self.capabilities & 0x1F))
        self._check("pins", 0, PINS_MOST)
        self._check("relays", 0, RELAYS_MOST)
        known = self.reset_cause in set(ResetCause)
        object.__setattr__(self, "reset_cause", ResetCause(self.reset_cause) if known else ResetCause.UNKNOWN)
        self._check("resolution_us", 0, 20_000)
        self._check("next_event", 1, 2**32 - 1)
        self._check("received_us", 0, TIME_LIMIT_US)
        self._check("sent_us", self.received_us, TIME_LIMIT_US)
        name = self.name.rstrip(b"\0")
        if len(name) > NAME_LONGEST or not all(0x20 <= byte < 0x7F for byte in name):
            raise BadMessage(f"Welcome.name {name!r} is not {NAME_LONGEST} bytes of printable ASCII")
        object.__setattr__(self, "name", name)

    @property
    def firmware(self) -> str:
        """Name and version, as a person reads it."""
        version = f"{self.firmware_major}.{self.firmware_minor}.{self.firmware_patch}"
        return f"{self.name.decode('ascii')} {version}"


@dataclass(frozen=True, slots=True)
class Pong(Message):
    """Controller: the answer to ``Ping``."""

    KIND = 0x82
    LAYOUT = struct.Struct("<QQ")
    received_us: int
    sent_us: int

    def __post_init__(self) -> None:
        self._check("received_us", 0, TIME_LIMIT_US)
        self._check("sent_us", self.received_us, TIME_LIMIT_US)


@dataclass(frozen=True, slots=True)
class Ack(Message):
    """Controller: the command is done."""

    KIND = 0x83
    LAYOUT = struct.Struct("<B")
    command: int
    """Kind of the command."""


@dataclass(frozen=True, slots=True)
class Nak(Message):
    """Controller: the command is not done, and why."""

    KIND = 0x84
    LAYOUT = struct.Struct("<BBBB")
    command: int
    reason: NakReason | int
    """A number is a reason that this version does not know."""
    lowest: int
    """For ``VERSION``, the versions that the controller speaks; else 0."""
    highest: int

    def __post_init__(self) -> None:
        if self.reason in set(NakReason):
            _set_enum(self, "reason", NakReason)


@dataclass(frozen=True, slots=True)
class ControllerEvent(Message):
    """Controller: something happened. Sent again until ``EventTaken`` names its counter or a later one."""

    KIND = 0x85
    LAYOUT = struct.Struct("<IIQBi")
    session: int
    counter: int
    """Counts the events since the controller started, from 1; a gap is an event that was lost there."""
    time_us: int
    event: EventKind | int
    """A number is an event that this version does not know."""
    value: int
    """``EXPOSURE_END``: its length in ms; ``BATTERY``: mV; ``TEMPERATURE``: tenths of a degree Celsius; else 0."""

    def __post_init__(self) -> None:
        self._check("counter", 1, 2**32 - 1)
        self._check("time_us", 0, TIME_LIMIT_US)
        if self.event in set(EventKind):
            _set_enum(self, "event", EventKind)
        self._check("value", -1_000_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Heartbeat(Message):
    """Controller: I am here; twice a second, without being asked. Its sequence is 0."""

    KIND = 0x86
    LAYOUT = struct.Struct("<IQIBB")
    session: int
    """0: not greeted since the start."""
    time_us: int
    newest_event: int
    """Counter of the newest event; 0: none yet."""
    lamp: Lamp
    """What the lamp really shows."""
    flags: int
    """See ``HEARTBEAT_HOST_SILENT``."""

    def __post_init__(self) -> None:
        self._check("time_us", 0, TIME_LIMIT_US)
        _set_enum(self, "lamp", Lamp)


Command: TypeAlias = Hello | Ping | SetLamp | Buzz | SetRelay | SetPin | SetTiming
"""What the controller answers."""

MESSAGES: Final[dict[int, type[Message]]] = {
    kind.KIND: kind
    for kind in (
        *(Hello, Ping, SetLamp, Buzz, SetRelay, SetPin, SetTiming, EventTaken),
        *(Welcome, Pong, Ack, Nak, ControllerEvent, Heartbeat),
    )
}


def encode(message: Message, sequence: int) -> bytes:
    """The payload of a message.

    Args:
        message: Any message.
        sequence: 0 to 65,535; of an answer, that of its command.
    """
    return HEADER.pack(message.KIND, sequence) + message.LAYOUT.pack(*astuple(message))


def decode(payload: bytes) -> tuple[Message, int]:
    """The message in a payload, and its sequence.

    Raises:
        BadMessage: Unknown kind, wrong length, or a field outside its limits.
    """
    if not HEADER.size <= len(payload) <= PAYLOAD_LONGEST:
        raise BadMessage(f"a payload of {len(payload)} bytes is not {HEADER.size} to {PAYLOAD_LONGEST} long")
    kind = MESSAGES.get(payload[0])
    if kind is None:
        raise BadMessage(f"there is no message of kind 0x{payload[0]:02x}")
    body = payload[HEADER.size :]
    if len(body) != kind.LAYOUT.size:
        raise BadMessage(f"{kind.__name__} of {len(body)} bytes instead of {kind.LAYOUT.size}")
    return kind(*kind.LAYOUT.unpack(body)), HEADER.unpack_from(payload)[1]


def _set_enum(message: Message, name: str, choices: type[IntEnum]) -> None:
    """Make a field an enum's member.

    Raises:
        BadMessage: The enum has no such member.
    """
    value = getattr(message, name)
    try:
        object.__setattr__(message, name, choices(value))
    except ValueError as error:
        raise BadMessage(f"{type(message).__name__}.{name}: there is no {choices.__name__} {value}") from error
