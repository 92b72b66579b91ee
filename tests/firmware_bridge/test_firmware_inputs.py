"""What the firmware makes of its pins: in C, compiled for this machine, and in its double in Python."""

from pathlib import Path

from boards import EXPOSURE, FOOT, FREEZE, Board

from firmware_bridge.codes import EventKind, PinRole
from firmware_bridge.compiled_firmware import CompiledFirmware
from firmware_bridge.fake_firmware import EVENTS_KEPT, FakeFirmware
from firmware_bridge.messages import (
    ControllerEvent,
    EventTaken,
    SetPin,
    SetTiming,
)


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
