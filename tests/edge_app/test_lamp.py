import pytest

from edge_app.lamp import HUNG_AFTER_S, RESULT_SHOWN_S, choose_lamp
from edge_app.pipeline import Progress
from firmware_bridge.codes import Lamp

NOW_S = 1000.0


def progress(state: str = "live", decision: str = "", ago_s: float = 100.0, busy_s: float | None = None) -> Progress:
    busy_since_s = None if busy_s is None else NOW_S - busy_s
    return Progress(state=state, decision=decision, reported_s=NOW_S - ago_s, busy_since_s=busy_since_s)


@pytest.mark.parametrize(
    ("capture", "store", "done", "lamp"),
    [
        ("running", "ok", progress(), Lamp.SCANNING),
        ("running", "ok", progress("still"), Lamp.SCANNING),
        ("running", "overdue", progress(), Lamp.SCANNING),
        ("running", "ok", progress("no_signal"), Lamp.OFF),
        ("running", "ok", progress("blank"), Lamp.OFF),
        ("running", "ok", progress("starting"), Lamp.OFF),
        ("stopped", "ok", progress(), Lamp.OFF),
        ("running", "ok", progress(decision="accepted", ago_s=1), Lamp.RESULT),
        ("running", "ok", progress(decision="ambiguous", ago_s=1), Lamp.NOT_SURE),
        ("running", "ok", progress(decision="rejected", ago_s=1), Lamp.NOT_SURE),
        ("running", "ok", progress(decision="accepted", ago_s=RESULT_SHOWN_S + 0.1), Lamp.SCANNING),
        ("lost", "ok", progress(decision="accepted", ago_s=1), Lamp.FAULT),
        ("stalled", "ok", progress(), Lamp.FAULT),
        ("running", "full", progress(decision="accepted", ago_s=1), Lamp.FAULT),
        ("running", "failed", progress(), Lamp.FAULT),
        ("running", "ok", progress(busy_s=5), Lamp.SCANNING),
        ("running", "ok", progress(busy_s=HUNG_AFTER_S + 6), Lamp.FAULT),
    ],
)
def test_lamp_shows_the_real_state(capture: str, store: str, done: Progress, lamp: Lamp) -> None:
    assert choose_lamp(capture, store, done, NOW_S, deadline_s=5.0) == lamp


def test_slow_modules_are_no_hang_before_their_deadline() -> None:
    assert choose_lamp("running", "ok", progress(busy_s=HUNG_AFTER_S + 6), NOW_S, deadline_s=600) == Lamp.SCANNING
