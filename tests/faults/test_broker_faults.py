import logging
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from brokers import Mosquitto, Subscriber, free_port, same_path, wait_for
from fakes.reports import make_health, make_report
from publishing import all_sent, events_of, ids_of, make_publisher, reports_of, running

from edge_app.errors import StoreError
from edge_app.messages import Command, Health, Status
from edge_app.store import Store


def test_nothing_is_lost_when_the_broker_is_killed_midway(
    store: Store, make_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    """A subscriber that is there gets a message before we get its PUBACK, so the broker itself loses nothing here."""
    folder = tmp_path / "broker"
    folder.mkdir()
    lines = ("max_inflight_messages 0", "persistence true", f"persistence_location {folder}/")
    broker = make_mosquitto(*lines, folder=folder).start()
    reports = [make_report(number) for number in range(200)]
    waiting = iter(reports)
    with (
        Subscriber(broker.port) as subscriber,
        running(make_publisher(store, broker.port, in_flight=8)) as publisher,
    ):
        for kept in (50, 120):
            for report in islice(waiting, 50):
                store.put(report)
            wait_for(all_sent(store), "sent")
            wait_for(lambda kept=kept: len(set(ids_of(subscriber))) == kept, "heard")
            broker.save()  # the subscription outlives the kill
            broker.suspend()
            for report in islice(waiting, 20):
                store.put(report)  # eight of them are on their way, and are never answered
            broker.kill()
            wait_for(lambda: publisher.state.state in ("lost", "unreachable"), "noticed")
            assert store.counts().unsent == 20
            broker.start()
        for report in waiting:
            store.put(report)
        wait_for(all_sent(store), "sent")
        wait_for(lambda: len(set(ids_of(subscriber))) == 200, "all heard")
    in_order = [report.report_id for report in reports]
    assert list(dict.fromkeys(ids_of(subscriber))) == in_order


def test_reports_wait_for_a_broker_that_comes_later(store: Store, make_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = make_mosquitto()
    with running(make_publisher(store, broker.port)) as publisher:
        store.put(make_report())
        wait_for(lambda: publisher.state.state == "unreachable", "unreachable")
        assert "nothing listens at this port" in publisher.state.reason
        assert store.counts().unsent == 1
        broker.start()
        wait_for(all_sent(store), "sent")
        assert publisher.state.state == "connected"
        assert publisher.state.reason == ""


def test_a_broker_that_hangs_is_noticed_and_nothing_is_lost(store: Store, mosquitto: Mosquitto) -> None:
    publisher = make_publisher(store, mosquitto.port)
    publisher._settings = publisher._settings.model_copy(update={"keepalive_s": 1})  # shorter than the shortest allowed
    with running(publisher):
        wait_for(lambda: publisher.state.state == "connected", "connected")
        mosquitto.suspend()
        store.put(make_report())
        wait_for(lambda: publisher.state.state == "lost", "noticed")
        assert "no longer answers" in publisher.state.reason
        assert store.counts().unsent == 1
        mosquitto.resume()
        wait_for(all_sent(store), "sent")


CHILD = """
import sys, time
from pathlib import Path
from fakes.reports import make_report, make_health, make_status
from edge_app.config import MqttConfig
from edge_app.errors import StoreError
from edge_app.publisher import Publisher
from edge_app.store import Store
store = Store(Path(sys.argv[1]))
publisher = Publisher(MqttConfig(port=int(sys.argv[2])), store, make_status(), make_health)
publisher.start()
while publisher.state.state != "connected":
    time.sleep(0.01)
print("connected", flush=True)
sys.stdin.readline()
for number in range(50):
    store.put(make_report(number))
print("kept", flush=True)
time.sleep(60)
"""


def test_a_killed_service_leaves_its_will_and_loses_no_report(tmp_path: Path, mosquitto: Mosquitto) -> None:
    path = tmp_path / "store.sqlite3"
    command = [sys.executable, "-c", CHILD, str(path), str(mosquitto.port)]
    with Subscriber(mosquitto.port) as subscriber:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=same_path()) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            assert child.stdout.readline() == b"connected\n"
            mosquitto.suspend()  # none of the 50 can be acknowledged
            child.stdin.write(b"\n")
            child.stdin.flush()
            assert child.stdout.readline() == b"kept\n"
            child.kill()
        mosquitto.resume()
        wait_for(lambda: len(subscriber.on("status")) == 2, "the will")
        status = Status.from_json(subscriber.on("status")[-1].body)
        assert (status.state, status.reason) == ("offline", "the connection was lost")
        store = Store(path)
        assert store.counts().unsent == 50
        with running(make_publisher(store, mosquitto.port)):
            wait_for(all_sent(store), "sent")
        wait_for(lambda: len({report.report_id for report in reports_of(subscriber)}) == 50, "heard")
        store.close()


def test_a_command_that_cannot_be_done_and_a_health_that_cannot_be_told_do_no_harm(
    store: Store, mosquitto: Mosquitto
) -> None:
    def refuse(command: Command) -> None:
        raise StoreError("the disk is full: make room")

    healths = iter([make_health()])

    def health() -> Health:
        for one in healths:
            return one
        raise StoreError("the file is damaged")

    with (
        Subscriber(mosquitto.port) as application,
        running(make_publisher(store, mosquitto.port, health, on_command=refuse)) as publisher,
    ):
        wait_for(lambda: application.on("health"), "there")
        publisher.health_changed()
        application.publish("edge-cad/v1/cart-7/command", '{"command": "take_picture", "command_id": "a1"}')
        wait_for(lambda: events_of(application, "message_refused"), "told")
        assert "the disk is full" in events_of(application, "message_refused")[0].text
        store.put(make_report())
        wait_for(lambda: application.on("report"), "heard")
        assert publisher.state.state == "connected"


def test_a_report_that_the_broker_forbids_stays_with_the_reason_and_holds_up_none(
    store: Store, make_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite #\ntopic deny edge-cad/v1/cart-7/report/us_liver\n")
    broker = make_mosquitto(f"acl_file {rules}").start()
    forbidden, allowed = make_report(1, category="us_liver"), make_report(2)
    with (
        Subscriber(broker.port) as subscriber,
        running(make_publisher(store, broker.port)),
    ):
        store.put(forbidden)
        store.put(allowed)
        wait_for(all_sent(store), "sent")
        wait_for(lambda: events_of(subscriber, "report_refused"), "told")
        assert events_of(subscriber, "report_refused")[0].details == {"report_id": forbidden.report_id}
        assert reports_of(subscriber) == [allowed]
        assert len(subscriber.on("report")) == 1
    assert store.refusals() == [
        (forbidden.report_id, "Not authorized: this device may not publish there: allow the topic at the broker")
    ]
    assert store.counts().refused == 1


def test_a_refused_report_is_tried_again_by_the_next_run(
    store: Store, make_mosquitto: Callable[..., Mosquitto]
) -> None:
    report = make_report()
    store.put(report)
    store.mark_refused(store.next_unsent(0, 1)[0].outbox_id, "too large")
    broker = make_mosquitto().start()
    with Subscriber(broker.port) as subscriber, running(make_publisher(store, broker.port)):
        wait_for(lambda: reports_of(subscriber) == [report], "heard")


@pytest.mark.parametrize(
    ("version", "reason"),
    [("5", "the broker takes 3000"), ("3.1.1", "the broker ends the connection whenever it gets this report")],
)
def test_a_report_that_is_too_large_for_the_broker_holds_up_none(
    store: Store, make_mosquitto: Callable[..., Mosquitto], version: str, reason: str
) -> None:
    """MQTT 5 brokers tell their limit; others just end the connection, every time."""
    broker = make_mosquitto("max_packet_size 3000").start()
    small, large = [make_report(number) for number in (1, 2, 3)], make_report(4)
    large = large.model_copy(update={"source": "x" * 4000})
    with (
        Subscriber(broker.port, version) as subscriber,
        running(make_publisher(store, broker.port, version=version)),
    ):
        for report in (small[0], large, *small[1:]):
            store.put(report)
        wait_for(all_sent(store), "sent")
        wait_for(lambda: {report.report_id for report in reports_of(subscriber)} >= {r.report_id for r in small}, "all")
    ((report_id, text),) = store.refusals()
    assert report_id == large.report_id
    assert reason in text


def test_another_box_with_the_same_id_is_named_as_the_reason(
    store: Store, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with running(make_publisher(store, mosquitto.port)) as publisher, caplog.at_level(logging.WARNING):
        wait_for(lambda: publisher.state.state == "connected", "connected")
        with Subscriber(mosquitto.port, client_id="edge-cad-cart-7"):
            wait_for(lambda: "another box has the same device.id" in caplog.text, "told")


def test_stopping_without_a_broker_is_quick_and_keeps_what_was_not_sent(store: Store) -> None:
    store.put(make_report())
    publisher = make_publisher(store, free_port())
    with running(publisher, flush_s=30):
        wait_for(lambda: publisher.state.state == "unreachable", "unreachable")
        began = time.monotonic()
    assert time.monotonic() - began < 5  # of the 30 that it might
    assert store.counts().unsent == 1


def test_a_store_that_fails_for_a_while_does_not_end_the_publisher(
    store: Store, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_app.outbox.PAUSE_S", 0.1)
    report = make_report()
    store.put(report)
    with Subscriber(mosquitto.port) as subscriber:
        mosquitto.suspend()
        publisher = make_publisher(store, mosquitto.port)
        publisher.start()
        try:
            store._writer.execute("PRAGMA query_only = ON")  # as when the file system turns read-only
            mosquitto.resume()
            wait_for(lambda: subscriber.on("report"), "heard")
            time.sleep(0.3)
            assert store.counts().unsent == 1
            assert publisher.state.state == "connected"
            assert len(subscriber.on("report")) == 1  # acknowledged once is enough, though it cannot be marked yet
            store._writer.execute("PRAGMA query_only = OFF")
            wait_for(all_sent(store), "marked")
        finally:
            publisher.stop()
    assert reports_of(subscriber) == [report]
