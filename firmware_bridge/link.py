"""The host's side of the protocol as a state machine: bytes and the time go in, bytes and events come out.

It has no port, thread or clock of its own; ``bridge.Bridge`` gives it those. Greeting, configuring, up; whatever goes
wrong, it greets again.
"""

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from firmware_bridge.clock import ClockEstimate, HostTime, Sample
from firmware_bridge.codes import Capability, EventKind, Lamp, NakReason
from firmware_bridge.errors import BadMessage
from firmware_bridge.exchange import AckTimeout, Exchange, OnDone, Outcome, refusal
from firmware_bridge.framing import FrameParser, encode_frame
from firmware_bridge.ledger import EventLedger, TimedEvent
from firmware_bridge.messages import (
    PROTOCOL_VERSION,
    SEQUENCES,
    Command,
    ControllerEvent,
    EventTaken,
    Heartbeat,
    Hello,
    Message,
    Nak,
    Ping,
    Pong,
    SetLamp,
    Welcome,
    decode,
    encode,
)
from firmware_bridge.settings import ControllerSettings

SILENCE_NS: Final = 2_000_000_000
"""A side that hears nothing for so long counts the other as gone."""
PING_INTERVAL_NS: Final = 500_000_000
FIRST_PINGS: Final = 4
"""Sent one after the other at the start, to know the clock."""
GREET_PAUSE_NS: Final = 5_000_000_000
"""Between two greetings of a controller that speaks another version."""
WAIT_LONGEST_NS: Final = 3_000_000_000
"""A command that waits longer for its turn is reported as unanswered."""


@dataclass(slots=True)
class _Waiting:
    command: Command
    on_done: OnDone | None
    until_ns: int


@dataclass(slots=True)
class LinkCounts:
    """What was seen on the line, for the screwdriver."""

    sent: int = 0
    """Commands, without their repeats."""
    answered: int = 0
    repeated: int = 0
    """Frames sent again."""
    unreadable: int = 0
    """Frames with a right CRC that are no message of the protocol."""
    unknown: int = 0
    """Events of a kind that this version does not know; taken and dropped."""
    stale: int = 0
    """Answers and events of an earlier command or session."""


@dataclass(slots=True)
class Link:
    """The host's end of the line.

    Args:
        settings: What the controller is told after each greeting.
        on_event: Called with each event, once; the controller repeats an event until this has returned.
        new_session: Gives a session id, 1 to 2**32 - 1, that differs from the earlier ones.
    """

    settings: ControllerSettings
    on_event: Callable[[TimedEvent], None]
    new_session: Callable[[], int] = lambda: secrets.randbelow(2**32 - 1) + 1
    state: Literal["closed", "greeting", "configuring", "up", "incompatible"] = "closed"
    reason: str = "not opened yet"
    """Why it is not up."""
    welcome: Welcome | None = None
    """What the controller said of itself last."""
    shown_lamp: Lamp | None = None
    """As the controller's last heartbeat said."""
    clock: ClockEstimate = field(default_factory=ClockEstimate)
    ledger: EventLedger = field(default_factory=EventLedger)
    timeout: AckTimeout = field(default_factory=AckTimeout)
    parser: FrameParser = field(default_factory=FrameParser)
    counts: LinkCounts = field(default_factory=LinkCounts)
    _output: bytearray = field(default_factory=bytearray)
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _settling: deque[Command] = field(default_factory=deque)
    _exchange: Exchange | None = None
    _sequence: int = 0
    _session: int = 0
    _greeted_ns: int = 0
    """When the greeting of this session was sent first; 0: no session is proposed."""
    _lamp: Lamp | None = None
    _lamp_told: Lamp | None = None
    _pings: int = 0
    _ping_due_ns: int = 0
    _heard_ns: int = 0

    def open(self, now_ns: int) -> None:
        """The port is open: forget what was on its way and greet."""
        self.parser.reset()
        self._output.clear()
        self._greet("the controller does not answer yet: it needs power and the right firmware", now_ns)

    def close(self, reason: str, now_ns: int) -> None:
        """The port is gone: report every command that waits."""
        self.state, self.reason = "closed", reason
        self._give_up(reason, now_ns)
        self._drop_waiting(reason)

    def submit(self, command: Command, on_done: OnDone | None, now_ns: int) -> None:
        """Send a command when its turn comes; ``on_done`` is called once, whatever happens."""
        if self.state in ("closed", "incompatible"):
            if on_done is not None:
                on_done(Outcome("unanswered", self.reason))
            return
        self._waiting.append(_Waiting(command, on_done, now_ns + WAIT_LONGEST_NS))

    def show(self, lamp: Lamp) -> None:
        """Keep the lamp at this state, through losses and resets."""
        self._lamp = lamp

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take bytes from the line, in any pieces."""
        for payload in self.parser.feed(data):
            try:
                message, sequence = decode(payload)
            except BadMessage:
                self.counts.unreadable += 1
                continue
            self._heard_ns = now_ns
            self._take(message, sequence, now_ns)

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        if self.state == "closed":
            return
        if self.state in ("configuring", "up") and now_ns - self._heard_ns > SILENCE_NS:
            self._greet("the controller has been silent for 2 s: it hangs, or its line is cut", now_ns)
        while self._waiting and self._waiting[0].until_ns <= now_ns:
            self._refuse(self._waiting.popleft(), self.reason or "the line is busy")
        exchange = self._exchange
        if exchange is not None and exchange.due_ns <= now_ns:
            if exchange.exhausted:
                self._greet("the controller does not answer any more: it hangs, or its line is bad", now_ns)
            else:
                self.counts.repeated += 1
                self._output += exchange.send(self.timeout, now_ns)
        if self._exchange is None:
            self._send_next(now_ns)

    def due_ns(self, now_ns: int) -> int:
        """When ``tick`` has something to do at the latest."""
        if self.state == "closed":
            return now_ns + SILENCE_NS
        due = [self._exchange.due_ns] if self._exchange is not None else [self._ping_due_ns]
        if self.state in ("configuring", "up"):
            due.append(self._heard_ns + SILENCE_NS + 1)
        if self._waiting:
            due.append(self._waiting[0].until_ns)
        return min(due)

    def take_output(self) -> bytes:
        """The bytes to write now."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def _send_next(self, now_ns: int) -> None:
        """Start the next exchange: settings, a due ping, the lamp, then what callers wait for."""
        if self.state == "configuring" and self._settling:
            self._start(self._settling.popleft(), None, now_ns)
        elif self.state == "incompatible" and self._ping_due_ns <= now_ns:
            self._greet(self.reason, now_ns)
        elif self.state == "up":
            if self._ping_due_ns <= now_ns:
                self._ping_due_ns = now_ns + (0 if self._pings < FIRST_PINGS - 1 else PING_INTERVAL_NS)
                self._start(Ping(), None, now_ns)
            elif self._lamp is not None and self._lamp_told != self._lamp and self._has(Capability.LAMP):
                self._lamp_told = self._lamp
                self._start(SetLamp(self._lamp), None, now_ns)
            elif self._waiting:
                waiting = self._waiting.popleft()
                self._start(waiting.command, waiting.on_done, now_ns)

    def _has(self, capability: Capability) -> bool:
        return self.welcome is not None and capability in self.welcome.capabilities

    def _start(self, command: Command, on_done: OnDone | None, now_ns: int) -> None:
        self._sequence = (self._sequence + 1) % SEQUENCES
        self.counts.sent += 1
        self._exchange = Exchange(command, self._sequence, on_done, now_ns)
        self._output += self._exchange.send(self.timeout, now_ns)

    def _greet(self, reason: str, now_ns: int) -> None:
        """Begin a session. One that was proposed and not answered is proposed again: what the controller then says of
        the session before it is true for the first time that it heard the proposal."""
        self._give_up(reason, now_ns)
        self.state, self.reason = "greeting", reason
        self._settling.clear()
        self._pings = 0
        self._lamp_told = None
        if not self._greeted_ns:
            self._session = self.new_session()
            self._greeted_ns = now_ns
        self._start(Hello(PROTOCOL_VERSION, PROTOCOL_VERSION, self._session), None, now_ns)

    def _give_up(self, reason: str, now_ns: int) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.finish("unanswered", reason, now_ns)

    def _drop_waiting(self, reason: str) -> None:
        while self._waiting:
            self._refuse(self._waiting.popleft(), reason)

    @staticmethod
    def _refuse(waiting: _Waiting, reason: str) -> None:
        if waiting.on_done is not None:
            waiting.on_done(Outcome("unanswered", reason))

    def _take(self, message: Message, sequence: int, now_ns: int) -> None:
        match message:
            case ControllerEvent():
                self._take_event(message)
            case Heartbeat():
                self._take_heartbeat(message, now_ns)
            case _ if self._exchange is not None and self._exchange.is_answered_by(message, sequence):
                self._take_answer(self._exchange, message, now_ns)
            case _:
                self.counts.stale += 1

    def _take_answer(self, exchange: Exchange, message: Message, now_ns: int) -> None:
        self._exchange = None
        self.counts.answered += 1
        if exchange.tries == 1:
            self.timeout.take(now_ns - exchange.first_sent_ns)
        if isinstance(message, Nak):
            reason = refusal(message)
            if message.reason == NakReason.NOT_GREETED:
                exchange.finish("unanswered", reason, now_ns)
                self._greet(reason, now_ns)
            elif isinstance(exchange.command, Hello):
                self.state, self.reason = "incompatible", reason
                self._drop_waiting(reason)
                self._ping_due_ns = now_ns + GREET_PAUSE_NS
            else:
                exchange.finish("refused", reason, now_ns)
        else:
            if isinstance(message, Welcome):
                self._take_welcome(message, now_ns)
            elif isinstance(message, Pong):
                self._pings += 1
                self._take_clock(exchange.first_sent_ns, message, now_ns)
            exchange.finish("done", "", now_ns)
        if self.state == "configuring" and not self._settling and self._exchange is None:
            self.state, self.reason = "up", ""
            self._ping_due_ns = now_ns

    def _take_welcome(self, welcome: Welcome, now_ns: int) -> None:
        same_start = self.ledger.begin_session(
            self._session, welcome.previous_session, welcome.next_event, welcome.received_us
        )
        if not same_start:
            self.clock.reset()
        self._take_clock(self._greeted_ns, welcome, now_ns)
        self._greeted_ns = 0
        self.welcome = welcome
        self.state, self.reason = "configuring", "the controller is told its settings"
        self._settling.extend(self.settings.commands(welcome.pins))

    def _take_clock(self, asked_ns: int, answer: Welcome | Pong, now_ns: int) -> None:
        self.clock.add(Sample(asked_ns, answer.received_us, answer.sent_us, now_ns))

    def _take_event(self, event: ControllerEvent) -> None:
        if self.state not in ("configuring", "up") or event.session != self._session:
            self.counts.stale += 1
            return
        if self._pings < FIRST_PINGS or not self.clock.known:
            return  # it comes again, when the clock is known better
        if self.ledger.take(event.counter):
            if isinstance(event.event, EventKind):
                self.on_event(self._on_host_clock(event.event, event))
            else:
                self.counts.unknown += 1
        self._output += encode_frame(encode(EventTaken(self._session, self.ledger.last_taken), 0))

    def _on_host_clock(self, kind: EventKind, event: ControllerEvent) -> TimedEvent:
        assert self.welcome is not None
        moment: HostTime = self.clock.to_host(event.time_us)
        half_step_ns = self.welcome.resolution_us * 500
        return TimedEvent(
            kind, event.counter, event.value, moment.at_ns - half_step_ns, moment.uncertainty_ns + half_step_ns
        )

    def _take_heartbeat(self, heartbeat: Heartbeat, now_ns: int) -> None:
        self.shown_lamp = heartbeat.lamp
        if self.state not in ("configuring", "up"):
            return
        if heartbeat.session != self._session:
            self._greet("the controller was reset", now_ns)
            return
        self.ledger.hear(heartbeat.newest_event, heartbeat.time_us)
        if heartbeat.lamp != self._lamp_told:
            self._lamp_told = None
