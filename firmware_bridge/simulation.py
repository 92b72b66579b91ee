"""Host and controller on a faulty line, in simulated time: every message is accounted for.

The host's ``Link`` and a controller's ``Firmware`` are the real ones; only the line, the clocks and the pins are
simulated.
"""

import random
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.codes import PinRole, ResetCause
from firmware_bridge.exchange import Outcome
from firmware_bridge.fake_firmware import Firmware
from firmware_bridge.faulty_line import Faults, FaultyLine
from firmware_bridge.ledger import TimedEvent
from firmware_bridge.link import Link
from firmware_bridge.messages import Buzz
from firmware_bridge.settings import ControllerSettings, PinSettings

TICK_NS: Final = 1_000_000
PIN: Final = 1
DEBOUNCE_MS: Final = 2
CUT_EVERY: Final = 10_000
"""Messages from one cut of the line to the next."""
CUT_NS: Final = 4_000_000_000
SETTLE_NS: Final = 60_000_000_000
"""Longest time for what is on its way at the end."""
UNSENT_MOST: Final = 50
"""More commands than this never stay undone one after the other."""
FREQUENCIES: Final = 9_000


@dataclass(slots=True)
class Account:
    """What became of the messages."""

    commands: int = 0
    events: int = 0
    done: int = 0
    unanswered: int = 0
    """Commands that were reported as such."""
    taken: int = 0
    lost: int = 0
    """Events that were counted as lost."""
    taken_twice: int = 0
    """Events taken, and commands carried out, more than once."""

    @property
    def messages(self) -> int:
        """All of them."""
        return self.commands + self.events

    @property
    def answered(self) -> int:
        """Commands answered and events taken."""
        return self.done + self.taken

    @property
    def reported(self) -> int:
        """Commands reported as unanswered and events counted as lost."""
        return self.unanswered + self.lost

    @property
    def silent(self) -> int:
        """What vanished without a word."""
        commands = self.commands - self.done - self.unanswered
        return abs(commands) + abs(self.events - self.taken - self.lost)


@dataclass(slots=True)
class Simulation:
    """Half of the messages are commands, one after the other; half are events of a pin.

    The firmware should have no sensors: every event is to be one of the pin's.
    """

    firmware: Firmware
    faults: Faults
    seed: int
    role: PinRole = PinRole.FREEZE
    """Of the pin that is switched; each switching makes one event."""
    drift_ppm: float = 50.0
    """How much faster the controller's clock is."""
    start_us: int = 123_456_789
    """What it says at the beginning."""
    account: Account = field(default_factory=Account)
    events: list[TimedEvent] = field(default_factory=list)
    switched_ns: list[int] = field(default_factory=list)
    """When the pin was really switched, event by event."""
    sent_hz: list[int] = field(default_factory=list)
    """The frequency of each command, which tells it from its neighbours."""
    now_ns: int = 1_000_000_000
    _levels: int = 0xFF
    _next_switch_ns: int = 0
    _next_tick_ns: int = 0
    _waiting: bool = False
    _random: random.Random = field(init=False)
    _link: Link = field(init=False)
    _to_controller: FaultyLine = field(init=False)
    _to_host: FaultyLine = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        pins = [PinSettings(PinRole.NONE)] * 5
        pins[PIN] = PinSettings(self.role, debounce_ms=DEBOUNCE_MS)
        self._link = Link(ControllerSettings(tuple(pins)), self._take_event, lambda: self._random.randrange(1, 2**32))
        self._to_controller = FaultyLine(self.faults, self.seed + 1)
        self._to_host = FaultyLine(self.faults, self.seed + 2)
        self.firmware.boot(self.start_us, ResetCause.POWER_ON, self._levels)
        self._link.open(self.now_ns)

    @property
    def link(self) -> Link:
        """The host's end."""
        return self._link

    def run(self, messages: int) -> Account:
        """Send so many messages and wait until the last has its fate; returns the account."""
        next_cut, restored_ns = CUT_EVERY, 0
        while self.account.messages < messages or not self._settled():
            cut = self.now_ns < restored_ns
            self._to_controller.cut = self._to_host.cut = cut
            if self.account.messages >= next_cut:
                next_cut += CUT_EVERY
                restored_ns = self.now_ns + CUT_NS
            if self.account.messages < messages:
                self._make_messages(messages)
                deadline_ns = self.now_ns + SETTLE_NS
            elif self.now_ns > deadline_ns:
                break
            self.step()
        self.account.lost = self._link.ledger.lost
        counters = [event.counter for event in self.events]
        self.account.taken = len(set(counters))
        repeats = count_repeats(self.sent_hz, self.firmware.buzzes_hz)
        self.account.taken_twice = len(counters) - len(set(counters)) + repeats
        return self.account

    def step(self) -> None:
        """Let the time go on to whatever comes next."""
        times = [self._next_tick_ns, self._link.due_ns(self.now_ns)]
        times += [at_ns for line in (self._to_controller, self._to_host) if (at_ns := line.next_ns()) is not None]
        self.now_ns = max(self.now_ns, min(times))
        for piece in self._to_host.receive(self.now_ns):
            self._link.receive(piece, self.now_ns)
        self._link.tick(self.now_ns)
        self._to_controller.send(self._link.take_output(), self.now_ns)
        arrived = self._to_controller.receive(self.now_ns)
        for piece in arrived:
            self.firmware.receive(piece, self.controller_us())
        if arrived or self.now_ns >= self._next_tick_ns:
            self.firmware.tick(self.controller_us())
            self._next_tick_ns = max(self._next_tick_ns, self.now_ns + TICK_NS)
        self._to_host.send(self.firmware.take_output(), self.now_ns)

    def controller_us(self) -> int:
        """What the controller's clock says now."""
        return self.start_us + int(self.now_ns * (1 + self.drift_ppm / 1e6)) // 1000

    def switch(self) -> None:
        """Switch the pin."""
        self._levels ^= 1 << PIN
        self.switched_ns.append(self.now_ns)
        self.firmware.set_levels(self._levels, self.controller_us())

    def _make_messages(self, messages: int) -> None:
        account = self.account
        if self._link.state == "up" or account.events:
            if self.now_ns >= self._next_switch_ns and account.events < messages // 2:
                self._next_switch_ns = self.now_ns + self._random.randrange(8_000_000, 30_000_000)
                account.events += 1
                self.switch()
            if not self._waiting and account.commands < messages - messages // 2:
                frequency_hz = 100 + account.commands % FREQUENCIES
                account.commands += 1
                self._waiting = True
                self.sent_hz.append(frequency_hz)
                self._link.submit(Buzz(frequency_hz, 100), self._take_outcome, self.now_ns)

    def _settled(self) -> bool:
        account = self.account
        return not self._waiting and account.events <= len(self.events) + self._link.ledger.lost

    def _take_outcome(self, outcome: Outcome) -> None:
        self._waiting = False
        if outcome.status == "unanswered":
            self.account.unanswered += 1
        else:
            self.account.done += 1

    def _take_event(self, event: TimedEvent) -> None:
        self.events.append(event)


def count_repeats(sent: list[int], carried_out: list[int]) -> int:
    """How many of the commands carried out are not, in order, among those sent: carried out again, or late."""
    position = repeats = 0
    for frequency_hz in carried_out:
        try:
            position = sent.index(frequency_hz, position, position + UNSENT_MOST) + 1
        except ValueError:
            repeats += 1
    return repeats
