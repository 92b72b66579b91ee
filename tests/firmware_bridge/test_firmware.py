"""The firmware's portable part in C, compiled for this machine, and its double in Python: alike in everything."""

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from controllers import compiled_library, skip_or_fail
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.codes import Capability, EventKind, Lamp, NakReason, PinRole, ResetCause
from firmware_bridge.compiled_firmware import FOLDER, CompiledFirmware
from firmware_bridge.emulator import missing_packages
from firmware_bridge.fake_firmware import EVENTS_KEPT, FakeFirmware, Firmware
from firmware_bridge.framing import FrameParser, encode_frame
from firmware_bridge.messages import (
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

ALL_HIGH = 0xFF
FOOT, FREEZE, EXPOSURE = 0, 1, 2


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled_library(tmp_path_factory.mktemp("firmware"))


class Board:
    """A firmware with its pins and a clock, and everything that it said."""

    def __init__(self, firmware: Firmware, levels: int = ALL_HIGH, start_us: int = 1_000_000) -> None:
        self.firmware, self.levels, self.now_us = firmware, levels, start_us
        self.parser = FrameParser()
        self.said: list[tuple[Message, int]] = []
        firmware.boot(start_us, ResetCause.POWER_ON, levels)

    def let_pass(self, milliseconds: int) -> None:
        for _ in range(milliseconds):
            self.now_us += 1000
            self.firmware.tick(self.now_us)
            self._listen()

    def send(self, message: Message, sequence: int) -> list[Message]:
        """Returns the answers at once."""
        return self.send_bytes(encode_frame(encode(message, sequence)))

    def send_bytes(self, data: bytes) -> list[Message]:
        before = len(self.said)
        self.firmware.receive(data, self.now_us)
        self._listen()
        return [message for message, _ in self.said[before:] if not isinstance(message, Heartbeat | ControllerEvent)]

    def switch(self, pin: int, level: int) -> None:
        self.levels = self.levels & ~(1 << pin) | level << pin
        self.firmware.set_levels(self.levels, self.now_us)

    def events(self) -> list[ControllerEvent]:
        """The events that it told, without repeats and temperature."""
        told = {
            message.counter: message
            for message, _ in self.said
            if isinstance(message, ControllerEvent) and message.event != EventKind.TEMPERATURE
        }
        return [told[counter] for counter in sorted(told)]

    def greet(self, session: int = 1, sequence: int = 1) -> Welcome:
        (welcome,) = self.send(Hello(1, 1, session), sequence)
        assert isinstance(welcome, Welcome)
        return welcome

    def take_all(self, session: int = 1) -> None:
        """Take every event as it comes."""
        for _ in range(100):
            self.let_pass(2)
            told = [message.counter for message, _ in self.said if isinstance(message, ControllerEvent)]
            if told:
                self.send(EventTaken(session, max(told)), 0)

    def _listen(self) -> None:
        self.said += [decode(payload) for payload in self.parser.feed(self.firmware.take_output())]


@pytest.fixture(params=["fake", "compiled"])
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    if request.param == "fake":
        yield Board(FakeFirmware())
    else:
        yield Board(CompiledFirmware(request.getfixturevalue("library")))


def test_command_before_the_greeting_is_refused(board: Board) -> None:
    assert board.send(SetLamp(Lamp.RESULT), 1) == [Nak(SetLamp.KIND, NakReason.NOT_GREETED, 0, 0)]
    assert board.firmware.lamp == Lamp.OFF


def test_greeting_says_what_was_before(board: Board) -> None:
    welcome = board.greet(session=7)
    assert (welcome.version, welcome.previous_session, welcome.reset_cause) == (1, 0, ResetCause.POWER_ON)
    assert Capability.TEMPERATURE in welcome.capabilities and Capability.BATTERY not in welcome.capabilities
    board.let_pass(5)
    assert board.greet(session=8, sequence=2).previous_session == 7


def test_repeated_greeting_has_the_same_answer_later_too(board: Board) -> None:
    first = board.greet(session=7, sequence=1)
    board.let_pass(300)
    assert board.send(SetLamp(Lamp.RESULT), 2) == [Ack(SetLamp.KIND)]
    assert board.send(Hello(1, 1, 7), 1) == [first]
    assert board.send(SetLamp(Lamp.RESULT), 2) == [Ack(SetLamp.KIND)]  # the repeat of the last command
    assert board.greet(session=7, sequence=3) == first


@pytest.mark.parametrize(("lowest", "highest"), [(2, 5), (2, 2)])
def test_host_of_another_version_is_told_ours(board: Board, lowest: int, highest: int) -> None:
    assert board.send(Hello(lowest, highest, 5), 1) == [Nak(Hello.KIND, NakReason.VERSION, 1, 1)]
    assert board.send(Ping(), 2) == [Nak(Ping.KIND, NakReason.NOT_GREETED, 0, 0)]


def test_newer_host_that_speaks_our_version_too_is_welcome(board: Board) -> None:
    (welcome,) = board.send(Hello(1, 9, 5), 1)
    assert isinstance(welcome, Welcome) and welcome.version == 1


def test_command_is_carried_out_once_however_often_it_comes(board: Board) -> None:
    board.greet()
    for _ in range(3):
        assert board.send(Buzz(440, 100), 2) == [Ack(Buzz.KIND)]
    assert board.send(Buzz(550, 100), 3) == [Ack(Buzz.KIND)]
    assert board.send(Buzz(440, 100), 2) == []  # a late copy
    assert board.firmware.buzzes_hz == [440, 550]


def test_sequence_wraps_and_may_skip(board: Board) -> None:
    board.greet(sequence=65_530)
    for number, sequence in enumerate((65_531, 65_535, 0, 5, 30_000)):
        assert board.send(Buzz(300 + number, 10), sequence) == [Ack(Buzz.KIND)]
    for late in (29_999, 65_531, 0):
        assert board.send(Buzz(999, 10), late) == []
    assert board.firmware.buzzes_hz == [300, 301, 302, 303, 304]


def test_ping_says_the_time(board: Board) -> None:
    board.greet()
    (pong,) = board.send(Ping(), 2)
    assert pong == Pong(board.now_us, board.now_us)
    board.let_pass(10)
    assert board.send(Ping(), 2) == [pong]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("3f0200", NakReason.UNKNOWN_COMMAND),
        ("03020005", NakReason.BAD_VALUE),
        ("030200", NakReason.BAD_VALUE),
        ("03020000ff", NakReason.BAD_VALUE),
        ("0402006300" + "0a00", NakReason.BAD_VALUE),
        ("040200e803" + "d107", NakReason.BAD_VALUE),
        ("0502000401", NakReason.BAD_VALUE),
        ("0502000301", NakReason.NOT_AVAILABLE),
        ("0502000102", NakReason.BAD_VALUE),
        ("0602000801010a", NakReason.BAD_VALUE),
        ("0602000601010a", NakReason.NOT_AVAILABLE),
        ("0602000106010a", NakReason.BAD_VALUE),
        ("06020001010100", NakReason.BAD_VALUE),
        ("070200c7009001", NakReason.BAD_VALUE),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(board: Board, payload: str, reason: NakReason) -> None:
    board.greet()
    data = bytes.fromhex(payload)
    assert board.send_bytes(encode_frame(data)) == [Nak(data[0], reason, 0, 0)]


def test_echo_and_soup_are_not_answered(board: Board) -> None:
    board.greet()
    assert board.send(Ack(3), 2) == []
    assert board.send_bytes(b"\x7e\x03\x02\x00\x01\x00\x00\x7e" + b"x" * 500 + b"\x7e\x7d\x7e") == []
    assert board.send_bytes(encode_frame(b"\x02\x02\x00")) != []


def test_host_that_falls_silent_shows_as_fault_and_comes_back(board: Board) -> None:
    board.greet()
    board.send(SetLamp(Lamp.SCANNING), 2)
    board.let_pass(1995)
    assert board.firmware.lamp == Lamp.SCANNING
    board.let_pass(10)
    assert board.firmware.lamp == Lamp.FAULT
    board.let_pass(600)
    beat = next(message for message, _ in reversed(board.said) if isinstance(message, Heartbeat))
    assert (beat.lamp, beat.flags) == (Lamp.FAULT, 1)
    board.send(Ping(), 3)
    board.let_pass(1)
    assert board.firmware.lamp == Lamp.SCANNING


def test_controller_that_nobody_greets_shows_the_fault(board: Board) -> None:
    board.let_pass(2001)
    assert board.firmware.lamp == Lamp.FAULT


def test_heart_beats_twice_a_second(board: Board) -> None:
    board.let_pass(5000)
    beats = [message.time_us for message, _ in board.said if isinstance(message, Heartbeat)]
    assert 10 <= len(beats) <= 11
    assert all(490_000 <= later - earlier <= 510_000 for earlier, later in itertools.pairwise(beats))


def test_event_is_repeated_until_it_is_taken(board: Board) -> None:
    board.greet()
    board.take_all()
    board.switch(FREEZE, 0)
    board.let_pass(1000)
    told = [message for message, _ in board.said if isinstance(message, ControllerEvent)]
    told = [event for event in told if event.event == EventKind.FREEZE_ON]
    assert 4 <= len(told) <= 6 and len(set(told)) == 1
    board.send(EventTaken(99, told[0].counter), 0)  # of another session
    count = len(board.said)
    board.let_pass(1000)
    assert any(isinstance(message, ControllerEvent) for message, _ in board.said[count:])
    board.send(EventTaken(1, told[0].counter), 0)
    count = len(board.said)
    board.let_pass(1000)
    assert not any(isinstance(message, ControllerEvent) for message, _ in board.said[count:])


def test_bounces_are_one_event_at_the_first_edge(board: Board) -> None:
    board.greet()
    board.let_pass(50)
    first_us = board.now_us
    for _ in range(5):
        board.switch(FOOT, 0)
        board.let_pass(3)
        board.switch(FOOT, 1)
        board.let_pass(2)
    board.switch(FOOT, 0)
    board.take_all()
    assert [(event.event, event.time_us) for event in board.events()] == [(EventKind.FOOT_SWITCH_PRESS, first_us)]


def test_glitch_shorter_than_the_debounce_is_no_event(board: Board) -> None:
    board.greet()
    board.let_pass(50)
    board.switch(FREEZE, 0)
    board.let_pass(15)
    board.switch(FREEZE, 1)
    board.take_all()
    assert board.events() == []


def test_late_loop_loses_no_press(board: Board) -> None:
    board.greet()
    board.let_pass(50)
    for level in (0, 1):
        board.switch(FREEZE, level)
        board.now_us += 40_000  # the loop stands still meanwhile
    board.take_all()
    assert [event.event for event in board.events()] == [EventKind.FREEZE_ON, EventKind.FREEZE_OFF]


def test_press_hold_and_double_press(board: Board) -> None:
    board.greet()
    board.send(SetTiming(500, 300), 2)
    board.let_pass(50)
    for down_ms, up_ms in ((600, 600), (50, 100), (50, 100), (50, 100)):
        board.switch(FOOT, 0)
        board.let_pass(down_ms)
        board.switch(FOOT, 1)
        board.let_pass(up_ms)
    board.take_all()
    assert [event.event for event in board.events()] == [
        EventKind.FOOT_SWITCH_PRESS,
        EventKind.FOOT_SWITCH_HOLD,
        EventKind.FOOT_SWITCH_PRESS,
        EventKind.FOOT_SWITCH_DOUBLE,
        EventKind.FOOT_SWITCH_PRESS,
    ]


def test_exposure_has_its_length(board: Board) -> None:
    board.greet()
    board.send(SetPin(EXPOSURE, PinRole.EXPOSURE, 1, 2), 2)
    board.let_pass(50)
    board.switch(EXPOSURE, 0)
    board.let_pass(123)
    board.switch(EXPOSURE, 1)
    board.take_all()
    start, end = board.events()
    assert (start.event, end.event, end.value) == (EventKind.EXPOSURE_START, EventKind.EXPOSURE_END, 123)
    assert end.time_us - start.time_us == 123_000


def test_probe_that_is_there_at_the_start_is_told_and_a_pedal_is_not(library: Path) -> None:
    for firmware in (FakeFirmware(), CompiledFirmware(library)):
        board = Board(firmware, levels=0b00000)
        board.let_pass(100)
        assert board.greet().active == 0b11111
        board.take_all()
        assert [event.event for event in board.events()] == [EventKind.PROBE_CONNECTED, EventKind.ENCLOSURE_OPENED]


def test_same_pin_settings_again_tell_nothing_anew(board: Board) -> None:
    board.greet()
    board.switch(3, 0)
    board.take_all()
    assert [event.event for event in board.events()] == [EventKind.PROBE_CONNECTED]
    board.send(SetPin(3, PinRole.PROBE, 1, 20), 2)
    board.take_all()
    assert len(board.events()) == 1
    board.send(SetPin(3, PinRole.ENCLOSURE, 1, 20), 3)
    board.take_all()
    assert [event.event for event in board.events()][1:] == [EventKind.ENCLOSURE_OPENED]


def test_of_many_events_the_newest_are_kept_and_the_gap_is_seen(board: Board) -> None:
    for _ in range(30):
        for level in (0, 1):
            board.switch(FREEZE, level)
            board.let_pass(25)
    welcome = board.greet()
    newest = welcome.next_event + EVENTS_KEPT - 1
    board.take_all()
    assert [event.counter for event in board.events()] == list(range(welcome.next_event, newest + 1))
    assert newest >= 60


def test_buzzer_falls_silent_by_itself(library: Path) -> None:
    firmware = CompiledFirmware(library)
    board = Board(firmware)
    board.greet()
    board.send(Buzz(880, 50), 2)
    assert firmware.buzzer_hz == 880
    board.let_pass(49)
    assert firmware.buzzer_hz == 880
    board.let_pass(2)
    assert firmware.buzzer_hz == 0


def test_relays_open_with_a_reset(board: Board) -> None:
    board.greet()
    board.send(SetRelay(1, 1), 2)
    assert board.firmware.relays == 2
    board.firmware.boot(board.now_us, ResetCause.WATCHDOG, ALL_HIGH)
    assert board.firmware.relays == 0
    assert board.greet(session=5).reset_cause == ResetCause.WATCHDOG


def nameless(board: Board) -> list[tuple[Message, int]]:
    """What a board said, without its name."""
    return [
        (replace(message, name=b"") if isinstance(message, Welcome) else message, sequence)
        for message, sequence in board.said
    ]


COMMANDS = st.one_of(
    st.builds(Hello, st.just(1), st.integers(1, 3), st.integers(1, 3)),
    st.just(Ping()),
    st.builds(SetLamp, st.sampled_from(Lamp)),
    st.builds(Buzz, st.integers(100, 10_000), st.integers(1, 2000)),
    st.builds(SetRelay, st.integers(0, 3), st.integers(0, 1)),
    st.builds(SetPin, st.integers(0, 7), st.sampled_from(PinRole), st.integers(0, 1), st.integers(1, 30)),
    st.builds(SetTiming, st.integers(200, 2000), st.integers(100, 2000)),
    st.builds(EventTaken, st.integers(1, 3), st.integers(0, 30)),
)
STEPS = st.one_of(
    st.tuples(st.just("send"), COMMANDS, st.integers(0, 255) | st.integers(0, 65_535)),
    st.tuples(st.just("soup"), st.binary(max_size=40), st.just(0)),
    st.tuples(st.just("payload"), st.binary(min_size=3, max_size=64), st.just(0)),
    st.tuples(st.just("levels"), st.integers(0, 31), st.just(0)),
    st.tuples(st.just("pass"), st.integers(1, 700), st.just(0)),
)


@given(st.lists(STEPS, max_size=25))
@settings(max_examples=60, deadline=None)
def test_firmware_and_its_double_do_the_same(library: Path, steps: list[tuple[str, object, int]]) -> None:
    double, real = Board(FakeFirmware()), Board(CompiledFirmware(library))
    for what, value, sequence in steps:
        for board in (double, real):
            if isinstance(value, Message):
                board.send(value, sequence)
            elif isinstance(value, bytes):
                board.send_bytes(encode_frame(value) if what == "payload" else value)
            elif what == "levels" and isinstance(value, int):
                board.levels = value
                board.firmware.set_levels(value, board.now_us)
            elif isinstance(value, int):
                board.let_pass(value)
        assert double.firmware.lamp == real.firmware.lamp
        assert double.firmware.relays == real.firmware.relays
    assert nameless(double) == nameless(real)
    assert double.firmware.buzzes_hz == real.firmware.buzzes_hz


def test_size_is_what_the_protocol_says(tmp_path: Path) -> None:
    if missing := missing_packages():
        skip_or_fail(f"apt-get install {' '.join(missing)}")
    done = subprocess.run(["make", "-C", FOLDER, f"BUILD={tmp_path}"], capture_output=True, text=True, check=True)
    text, data, bss = (
        int(number) for number in done.stdout.splitlines()[-2 if "make" in done.stdout else -1].split()[:3]
    )
    assert text + data < 8 * 1024 and data + bss < 6 * 1024
    assert shutil.which("arm-none-eabi-nm")
    symbols = subprocess.run(
        ["arm-none-eabi-nm", tmp_path / "firmware.elf"], capture_output=True, text=True, check=True
    ).stdout
    assert not {"malloc", "calloc", "free", "_sbrk"} & set(symbols.split())
