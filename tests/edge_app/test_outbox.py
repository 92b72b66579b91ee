from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.reports import make_report

from edge_app import outbox as outbox_module
from edge_app.errors import StoreError
from edge_app.outbox import LOSSES_UNTIL_REFUSED, Outbox
from edge_app.store import Store, UnsentReport

REASON = "the broker ends the connection whenever it gets this report"


class Box:
    """A store with ten reports and an outbox of four on it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "store.sqlite3")
        self.reports = [make_report(number) for number in range(10)]
        for report in self.reports:
            self.store.put(report)
        self.refused: list[tuple[str, str]] = []
        self.outbox = Outbox(self.store, 4, lambda report, reason: self.refused.append((report.report_id, reason)))
        self.outbox.connection_opened()

    def numbers(self, rows: list[UnsentReport]) -> list[int]:
        ids = [report.report_id for report in self.reports]
        return [ids.index(row.report_id) for row in rows]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.store.close()


def test_only_the_window_is_on_its_way(box: Box) -> None:
    first = box.outbox.next(100)
    assert box.numbers(first) == [0, 1, 2, 3]
    assert box.outbox.next(100) == []
    box.outbox.delivered(first[1])
    box.outbox.delivered(first[0])
    box.outbox.settle()
    assert box.numbers(box.outbox.next(1)) == [4]
    assert box.numbers(box.outbox.next(100)) == [5]
    assert box.store.counts().unsent == 8


def test_it_is_empty_when_nothing_is_left_to_send(box: Box) -> None:
    for _ in range(3):
        for row in box.outbox.next(100):
            box.outbox.delivered(row)
        assert not box.outbox.empty
        box.outbox.settle()
    assert box.outbox.next(100) == []
    assert box.outbox.empty
    assert box.store.counts().unsent == 0


def test_what_was_not_answered_is_sent_again_first(box: Box) -> None:
    first = box.outbox.next(100)
    box.outbox.delivered(first[2])
    box.outbox.settle()
    box.outbox.connection_lost(closed_by_broker=False)
    box.outbox.connection_opened()
    assert box.numbers(box.outbox.next(100)) == [0, 1, 3, 4]


def poisoned_connection(box: Box, poison: int) -> bool:
    """One connection to a broker that ends it when it gets the report ``poison``; False: it never got it."""
    box.outbox.connection_opened()
    while rows := box.outbox.next(100):
        for row in rows:
            if box.numbers([row]) == [poison]:
                box.outbox.settle()
                box.outbox.connection_lost(closed_by_broker=True)
                return True
            box.outbox.delivered(row)
        box.outbox.settle()
    return False


def test_a_report_that_ends_every_connection_is_found_and_refused(box: Box) -> None:
    losses = 0
    while poisoned_connection(box, poison=5):
        losses += 1
        assert losses < 100
    assert LOSSES_UNTIL_REFUSED <= losses <= LOSSES_UNTIL_REFUSED + 2
    assert box.refused == [(box.reports[5].report_id, REASON)]
    assert box.store.refusals() == box.refused
    assert box.store.counts().unsent == 0


def test_a_network_that_fails_again_and_again_refuses_nothing(box: Box) -> None:
    for _ in range(3 * LOSSES_UNTIL_REFUSED):
        assert box.outbox.next(100)
        box.outbox.connection_lost(closed_by_broker=False)
        box.outbox.connection_opened()
    assert box.refused == []
    assert box.store.counts().unsent == 10


def test_a_broker_that_answers_in_between_refuses_nothing(box: Box) -> None:
    for _ in range(LOSSES_UNTIL_REFUSED + 3):
        box.outbox.delivered(box.outbox.next(100)[0])
        box.outbox.settle()
        box.outbox.connection_lost(closed_by_broker=True)
        box.outbox.connection_opened()
    assert box.refused == []


def test_a_report_that_is_postponed_comes_again_after_a_pause(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(outbox_module.time, "monotonic", lambda: now[0])
    first = box.outbox.next(100)
    box.outbox.postponed(first[1], "quota exceeded")
    assert box.outbox.next(100) == []
    now[0] += outbox_module.PAUSE_S
    assert box.numbers(box.outbox.next(100)) == [1]
    assert box.refused == []


def test_a_store_that_fails_is_tried_again_after_a_pause(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(outbox_module.time, "monotonic", lambda: now[0])
    first = box.outbox.next(2)
    box.outbox.delivered(first[0])
    with monkeypatch.context() as patch:
        patch.setattr(box.store, "mark_delivered", _fails)
        patch.setattr(box.store, "next_unsent", _fails)
        box.outbox.settle()
        assert box.outbox.next(100) == []
    now[0] += outbox_module.PAUSE_S
    assert box.numbers(box.outbox.next(2)) == [2, 3]  # 0 is delivered, though the store does not know yet
    box.outbox.settle()
    assert box.store.counts().unsent == 9


def _fails(*_: object) -> None:
    raise StoreError("the disk is full")
