import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Mosquitto, Subscriber, wait_for
from fakes.reports import make_report
from publishing import all_sent, events_of, ids_of, make_publisher, running

from edge_app import outbox as outbox_module
from edge_app.messages import Receipt
from edge_app.outbox import Outbox
from edge_app.store import Store, UnsentReport

TOPIC = "edge-cad/v1/cart-7/receipt"


class Box:
    """A store with ten reports and an outbox of four on it that waits for receipts, on a clock of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(outbox_module.time, "monotonic", lambda: self.now)
        self.store = Store(folder / "store.sqlite3")
        self.reports = [make_report(number) for number in range(10)]
        for report in self.reports:
            self.store.put(report)
        self.refused: list[tuple[str, str]] = []
        self.outbox = Outbox(
            self.store, 4, lambda report, reason: self.refused.append((report.report_id, reason)), receipt_timeout_s=10
        )
        self.outbox.connection_opened()

    def numbers(self, rows: list[UnsentReport]) -> list[int]:
        ids = [report.report_id for report in self.reports]
        return [ids.index(row.report_id) for row in rows]

    def receipt(self, number: int, refusal: str | None = None) -> None:
        self.outbox.receipted(self.reports[number].report_id, refusal)
        self.outbox.settle()


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    box = Box(tmp_path, monkeypatch)
    yield box
    box.store.close()


def test_a_report_stays_in_the_outbox_until_its_receipt_comes(box: Box) -> None:
    first = box.outbox.next(100)
    for row in first:
        box.outbox.delivered(row)
    box.outbox.settle()
    assert box.store.counts().unsent == 10
    assert box.outbox.next(100) == []
    box.receipt(0)
    assert box.store.counts().unsent == 9
    assert box.numbers(box.outbox.next(100)) == [4]
    assert not box.outbox.settled


def test_what_is_overdue_is_sent_again_with_all_that_follows_it(box: Box) -> None:
    for row in box.outbox.next(100):
        box.outbox.delivered(row)
    box.receipt(1)
    box.now = 9
    assert box.numbers(box.outbox.next(100)) == [4]
    box.now = 11
    assert box.numbers(box.outbox.next(100)) == [0, 2, 3, 4]


def test_the_wait_doubles_while_no_receipt_comes_and_is_short_again_after_one(box: Box) -> None:
    sent_at = []
    for second in range(400):
        box.now = float(second)
        if box.outbox.next(100):
            sent_at.append(second)
    assert sent_at == [0, 11, 32, 73, 154, 315]
    box.receipt(0)
    assert box.numbers(box.outbox.next(100)) == [4]
    box.now += 11
    assert box.numbers(box.outbox.next(100)) == [1, 2, 3, 4]


def test_a_receipt_before_the_brokers_answer_counts_once(box: Box) -> None:
    row = box.outbox.next(1)[0]
    box.receipt(0)
    box.outbox.delivered(row)
    box.outbox.settle()
    assert box.store.counts().unsent == 9
    assert box.numbers(box.outbox.next(100)) == [1, 2, 3, 4]


def test_receipts_of_unknown_reports_change_nothing(box: Box) -> None:
    box.outbox.next(2)
    box.outbox.receipted("no such report")
    box.outbox.settle()
    assert box.store.counts().unsent == 10


def test_a_receipt_for_what_an_earlier_run_sent_counts(box: Box) -> None:
    box.receipt(1)
    assert box.store.counts().unsent == 9
    assert box.numbers(box.outbox.next(100)) == [0, 2, 3, 4]
    box.outbox.receipted(box.reports[7].report_id, "archive refuses it: unknown patient")
    assert box.store.refusals() == [(box.reports[7].report_id, "archive refuses it: unknown patient")]
    for number in (0, 2, 3, 4):
        box.receipt(number)
    assert box.numbers(box.outbox.next(100)) == [5, 6, 8, 9]


def test_a_report_that_an_application_refuses_stays_with_the_reason(box: Box) -> None:
    box.outbox.next(100)
    box.receipt(1, "archive refuses it: disk full")
    assert box.refused == [(box.reports[1].report_id, "archive refuses it: disk full")]
    assert box.store.refusals() == box.refused
    assert box.numbers(box.outbox.next(100)) == [4]


def test_all_that_has_no_receipt_is_sent_again_at_the_next_connection(box: Box) -> None:
    for row in box.outbox.next(100):
        box.outbox.delivered(row)
    box.receipt(2)
    box.outbox.connection_lost(closed_by_broker=True)
    box.outbox.connection_opened()
    assert box.numbers(box.outbox.next(100)) == [0, 1, 3, 4]


def send(subscriber: Subscriber, report_id: str, **fields: str) -> None:
    receipt = {"schema": "edge-cad/receipt/1", "report_id": report_id, "status": "stored", **fields}
    subscriber.publish(TOPIC, json.dumps(receipt))


def test_only_the_named_applications_receipt_counts(store: Store, mosquitto: Mosquitto) -> None:
    report, refused = make_report(1), make_report(2)
    told: list[Receipt] = []
    settings = {"delivery": "receipt", "receipt_application": "archive"}
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(make_publisher(store, mosquitto.port, on_receipt=told.append, **settings), flush_s=0),
    ):
        store.put(report)
        store.put(refused)
        wait_for(lambda: len(subscriber.on("report")) == 2, "heard")
        send(subscriber, report.report_id, application="viewer")
        wait_for(lambda: told, "told")
        assert store.counts().unsent == 2
        send(subscriber, report.report_id, application="archive")
        send(subscriber, refused.report_id, application="archive", status="refused", reason="unknown patient")
        wait_for(all_sent(store), "delivered")
        wait_for(lambda: events_of(subscriber, "report_refused"), "told")
    assert store.refusals() == [(refused.report_id, "archive refuses it: unknown patient")]


def test_a_report_comes_again_until_somebody_gives_a_receipt(store: Store, mosquitto: Mosquitto) -> None:
    report = make_report()
    settings = {"delivery": "receipt", "receipt_timeout_s": 1}
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(make_publisher(store, mosquitto.port, **settings), flush_s=0),
    ):
        store.put(report)
        wait_for(lambda: len(subscriber.on("report")) == 2, "heard again")
        assert store.counts().unsent == 1
        send(subscriber, report.report_id)
        wait_for(all_sent(store), "delivered")
        time.sleep(1.5)
    assert set(ids_of(subscriber)) == {report.report_id}
    assert len(subscriber.on("report")) == 2
