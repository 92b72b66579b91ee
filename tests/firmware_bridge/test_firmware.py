"""The firmware's portable part in C, compiled for this machine, and its double in Python: alike in everything."""

import itertools
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from boards import ALL_HIGH, Board
from controllers import skip_or_fail
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.codes import Capability, Lamp, NakReason, PinRole, ResetCause
from firmware_bridge.compiled_firmware import FOLDER, CompiledFirmware
from firmware_bridge.emulator import missing_packages
from firmware_bridge.fake_firmware import FakeFirmware
from firmware_bridge.framing import encode_frame
from firmware_bridge.messages import (
    Ack,
    Buzz,
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
)


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
