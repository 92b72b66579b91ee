"""The link in every state, with a controller in simulated time."""

import itertools

import pytest

from firmware_bridge.codes import EventKind, Lamp, NakReason, PinRole, ResetCause
from firmware_bridge.exchange import TRIES_MOST, Outcome
from firmware_bridge.fake_firmware import FakeFirmware
from firmware_bridge.framing import FrameParser, encode_frame
from firmware_bridge.ledger import TimedEvent
from firmware_bridge.link import PING_INTERVAL_NS, SILENCE_NS, Link
from firmware_bridge.messages import (
    Buzz,
    ControllerEvent,
    EventTaken,
    Hello,
    Message,
    Nak,
    Ping,
    SetLamp,
    SetPin,
    SetRelay,
    SetTiming,
    decode,
    encode,
)
from firmware_bridge.settings import ControllerSettings, PinSettings

MS = 1_000_000
SETTINGS = ControllerSettings(
    (PinSettings(PinRole.FREEZE, debounce_ms=2), PinSettings(PinRole.EXPOSURE, debounce_ms=2)), 700, 300
)


class Pair:
    """A link and a fake controller, a millisecond apart; the time passes only when told."""

    def __init__(self, settings: ControllerSettings = SETTINGS) -> None:
        self.firmware = FakeFirmware(temperature_decidegrees=None)
        self.now_ns = 50 * MS
        self.boots_ns = self.now_ns
        self.firmware.boot(0, ResetCause.POWER_ON, 0xFF)
        self.events: list[TimedEvent] = []
        self.outcomes: list[Outcome] = []
        numbers = itertools.count(101)
        self.link = Link(settings, self.events.append, lambda: next(numbers))
        self.cut = self.deaf = self.hangs = False
        self.heard: list[Message] = []
        self._parser = FrameParser()
        self.link.open(self.now_ns)

    @property
    def controller_us(self) -> int:
        return (self.now_ns - self.boots_ns) // 1000

    def step(self) -> None:
        """One millisecond."""
        self.now_ns += MS
        self.link.tick(self.now_ns)
        to_controller = self.link.take_output()
        self.heard += [decode(payload)[0] for payload in self._parser.feed(to_controller)]
        if not self.hangs:
            if to_controller and not self.cut:
                self.firmware.receive(to_controller, self.controller_us)
            self.firmware.tick(self.controller_us)
            to_host = self.firmware.take_output()
            if to_host and not self.cut and not self.deaf:
                self.link.receive(to_host, self.now_ns + MS // 2)

    def run(self, milliseconds: int) -> None:
        for _ in range(milliseconds):
            self.step()

    def run_until(self, state: str, milliseconds: int = 10_000) -> None:
        for _ in range(milliseconds):
            if self.link.state == state:
                return
            self.step()
        raise AssertionError(f"not {state} but {self.link.state}: {self.link.reason}")

    def submit(self, message: Buzz | SetRelay | SetLamp) -> None:
        self.link.submit(message, self.outcomes.append, self.now_ns)

    def reset(self) -> None:
        self.boots_ns = self.now_ns
        self.firmware.boot(0, ResetCause.EXTERNAL, 0xFF)

    def freeze(self) -> None:
        """Two events."""
        self.firmware.set_levels(0xFE, self.controller_us)
        self.run(10)
        self.firmware.set_levels(0xFF, self.controller_us)
        self.run(10)

    def works(self) -> None:
        """Settings were told, commands are answered, events come, each once."""
        self.run_until("up")
        self.run(200)
        events, outcomes = len(self.events), len(self.outcomes)
        self.freeze()
        self.submit(Buzz(1234, 10))
        self.run(300)
        assert [event.kind for event in self.events[events:]] == [EventKind.FREEZE_ON, EventKind.FREEZE_OFF]
        assert [outcome.status for outcome in self.outcomes[outcomes:]] == ["done"]
        assert self.link.clock.known


def test_greeting_is_followed_by_the_settings_and_the_clock() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.run(100)
    kinds = [type(message) for message in pair.heard]
    assert kinds[:8] == [Hello, SetPin, SetPin, SetTiming, Ping, Ping, Ping, Ping]
    assert pair.heard[1] == SetPin(0, PinRole.FREEZE, 1, 2)
    assert pair.heard[3] == SetTiming(700, 300)
    pair.works()


def test_lamp_is_kept_through_a_reset() -> None:
    pair = Pair()
    pair.link.show(Lamp.RESULT)
    pair.run_until("up")
    pair.run(20)
    assert pair.firmware.lamp == Lamp.RESULT
    pair.reset()
    pair.run(1500)
    assert pair.firmware.lamp == Lamp.RESULT and pair.link.shown_lamp == Lamp.RESULT


def test_controller_that_lost_the_lamp_is_told_again() -> None:
    pair = Pair()
    pair.link.show(Lamp.SCANNING)
    pair.run_until("up")
    pair.run(20)
    pair.firmware._commanded = Lamp.OFF  # as if it were told by a late copy
    pair.run(600)
    assert pair.firmware.lamp == Lamp.SCANNING


def test_event_bears_the_hosts_time() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.run(200)
    pressed_ns = pair.now_ns
    pair.freeze()
    pair.run(200)
    event = pair.events[0]
    assert abs(event.happened_ns - pressed_ns) <= event.uncertainty_ns < 2 * MS


def test_one_command_is_on_its_way_at_a_time() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.run(100)
    pair.cut = True
    before = len(pair.heard)
    for number in range(5):
        pair.submit(Buzz(1000 + number, 10))
    pair.run(60)
    assert {message for message in pair.heard[before:] if isinstance(message, Buzz)} == {Buzz(1000, 10)}
    pair.cut = False
    pair.run(400)
    assert pair.firmware.buzzes_hz == [1000, 1001, 1002, 1003, 1004]
    assert [outcome.status for outcome in pair.outcomes] == ["done"] * 5


def test_lost_answer_is_asked_for_again_and_nothing_is_done_twice() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.run(100)
    pair.deaf = True
    pair.submit(Buzz(700, 10))
    pair.run(50)
    pair.deaf = False
    pair.run(200)
    assert pair.outcomes[0].status == "done" and pair.outcomes[0].tries > 1
    assert pair.firmware.buzzes_hz == [700]


def test_unanswered_command_is_reported_after_its_last_try() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.run(600)
    pair.cut = True
    pair.submit(Buzz(700, 10))
    pair.submit(Buzz(800, 10))
    pair.run(6000)
    assert [outcome.status for outcome in pair.outcomes] == ["unanswered"] * 2
    assert pair.outcomes[0].tries == TRIES_MOST and pair.outcomes[0].reason
    assert pair.link.state == "greeting"
    pair.cut = False
    pair.works()


def test_refused_command_says_why() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.submit(SetRelay(3, 1))
    pair.run(100)
    assert pair.outcomes[0].status == "refused" and "does not have" in pair.outcomes[0].reason


def test_host_hears_a_silent_controller_after_two_seconds() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.run(100)
    pair.hangs = True
    pair.run((SILENCE_NS + PING_INTERVAL_NS) // MS + 100)
    assert pair.link.state == "greeting" and pair.link.reason
    pair.hangs = False
    pair.works()
    assert pair.link.ledger.resets == 0


def test_busy_host_still_pings_for_the_clock() -> None:
    pair = Pair()
    pair.run_until("up")
    for number in range(200):
        pair.submit(Buzz(500 + number, 10))
    before = sum(isinstance(message, Ping) for message in pair.heard)
    pair.run(1600)
    assert sum(isinstance(message, Ping) for message in pair.heard) - before >= 3


STATES = ("greeting", "configuring", "up", "command on its way", "event on its way")


def bring_into(pair: Pair, state: str) -> None:
    """Bring the link into a state; greeting and configuring: half of their messages have been sent."""
    if state == "greeting":
        pair.cut = True
        pair.run(5)
        pair.cut = False
    elif state == "configuring":
        pair.run_until("configuring")
    else:
        pair.run_until("up")
        pair.run(300)
        if state == "command on its way":
            pair.deaf = True
            pair.submit(Buzz(999, 10))
            pair.run(3)
        elif state == "event on its way":
            pair.deaf = True
            pair.freeze()
    pair.deaf = False


@pytest.mark.parametrize("state", STATES)
def test_controller_reset_in_every_state(state: str) -> None:
    pair = Pair()
    bring_into(pair, state)
    pair.reset()
    pair.run(1200)
    pair.works()
    if state == "command on its way":
        assert pair.outcomes[0].status == "unanswered" and "reset" in pair.outcomes[0].reason
    if state not in ("greeting",):
        assert pair.link.ledger.resets == 1
    assert pair.link.ledger.repeated == 0


@pytest.mark.parametrize("state", STATES)
def test_port_lost_and_found_in_every_state(state: str) -> None:
    pair = Pair()
    bring_into(pair, state)
    pair.link.close("unplugged", pair.now_ns)
    assert pair.link.state == "closed" and pair.link.reason == "unplugged"
    pair.submit(Buzz(555, 10))
    assert pair.outcomes[-1] == Outcome("unanswered", "unplugged")
    if state == "command on its way":
        assert pair.outcomes[0].status == "unanswered"
    for _ in range(50):
        pair.step()  # nothing is sent, and nothing comes of it
    assert pair.link.state == "closed"
    pair.link.open(pair.now_ns)
    pair.run(300)
    pair.works()
    assert pair.link.ledger.resets == 0 and pair.link.ledger.lost == 0


@pytest.mark.parametrize("state", STATES)
def test_hang_and_revival_in_every_state(state: str) -> None:
    pair = Pair()
    bring_into(pair, state)
    pair.hangs = True
    pair.run(4000)
    assert pair.link.state == "greeting"
    pair.hangs = False
    pair.run(1200)
    pair.works()
    assert pair.link.ledger.lost == 0


def test_event_that_a_reset_took_is_counted() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.run(100)
    pair.link.receive(encode_frame(encode(Ping(), 0)), pair.now_ns)  # an echo: nothing comes of it
    pair.firmware.take_output()
    pair.cut = True
    pair.freeze()  # two events that the host does not get, but a heartbeat tells of
    pair.cut = False
    pair.firmware._event_us = 10**12
    pair.run(600)
    assert pair.events == []
    pair.reset()
    pair.run(1000)
    assert pair.link.ledger.lost == 2
    pair.works()


def test_event_is_taken_once_when_its_receipt_is_lost() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.run(200)
    event = encode_frame(encode(ControllerEvent(101, 1, pair.controller_us, EventKind.FREEZE_ON, 0), 0))
    for _ in range(3):
        pair.link.receive(event, pair.now_ns)
    receipts = [decode(payload)[0] for payload in FrameParser().feed(pair.link.take_output())]
    assert receipts == [EventTaken(101, 1)] * 3
    assert len(pair.events) == 1 and pair.link.ledger.repeated == 2


def test_event_of_an_earlier_session_is_not_taken() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.run(200)
    pair.link.receive(encode_frame(encode(ControllerEvent(5, 1, 0, EventKind.FREEZE_ON, 0), 0)), pair.now_ns)
    assert pair.events == [] and pair.link.take_output() == b"" and pair.link.counts.stale == 1


def test_event_of_a_kind_unknown_here_is_taken_without_a_word() -> None:
    pair = Pair()
    pair.run_until("up")
    pair.run(200)
    pair.link.receive(encode_frame(encode(ControllerEvent(101, 1, 0, 77, 0), 0)), pair.now_ns)
    assert pair.events == [] and pair.link.counts.unknown == 1 and pair.link.ledger.last_taken == 1


def test_controller_of_another_version_is_a_state_with_the_way_out() -> None:
    pair = Pair()
    pair.cut = True
    pair.step()
    sequence = pair.link._sequence
    pair.submit(Buzz(500, 10))
    pair.link.receive(encode_frame(encode(Nak(Hello.KIND, NakReason.VERSION, 2, 4), sequence)), pair.now_ns)
    assert pair.link.state == "incompatible" and "2 to 4" in pair.link.reason and "update" in pair.link.reason
    assert pair.outcomes[0].status == "unanswered"
    pair.run(4900)
    assert pair.link.state == "incompatible"
    pair.cut = False
    pair.run(1500)  # it was updated meanwhile
    pair.works()


def test_due_time_is_never_far_and_reached_by_ticking() -> None:
    pair = Pair()
    for _ in range(3000):
        assert pair.link.due_ns(pair.now_ns) <= pair.now_ns + SILENCE_NS + MS
        pair.step()
