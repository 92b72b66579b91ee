import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from brokers import Mosquitto, Subscriber, wait_for
from fakes.reports import NOON, make_health, make_report, make_status
from publishing import all_sent, events_of, make_publisher, reports_of, running

from edge_app.messages import Event, Health, Receipt, Replay, Status, TakePicture, uuid7
from edge_app.store import Store


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_reports_arrive_in_order_and_unchanged(store: Store, mosquitto: Mosquitto, version: str) -> None:
    reports = [make_report(number) for number in range(200)]
    with Subscriber(mosquitto.port, version) as subscriber:
        for report in reports[:100]:
            store.put(report)
        with running(make_publisher(store, mosquitto.port, version=version)):
            for report in reports[100:]:
                store.put(report)
            wait_for(all_sent(store), "sent")
        wait_for(lambda: len(subscriber.on("report")) >= 200, "heard")
        heard = subscriber.on("report")
    assert reports_of(subscriber) == reports
    assert {message.topic for message in heard} == {"edge-cad/v1/cart-7/report/us_breast"}
    assert store.counts().reports == 200


def test_reports_carry_their_schema_id_and_expiry_as_properties(store: Store, mosquitto: Mosquitto) -> None:
    report = make_report(decision="rejected")
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(make_publisher(store, mosquitto.port, report_expiry_s=600)),
    ):
        store.put(report)
        wait_for(lambda: subscriber.on("report"), "heard")
    heard = subscriber.on("report")[0]
    assert heard.topic == "edge-cad/v1/cart-7/report/none"
    assert not heard.retain
    assert heard.properties is not None
    assert heard.properties.ContentType == "application/json"
    assert heard.properties.UserProperty == [("schema", "edge-cad/report/1"), ("report_id", report.report_id)]
    assert 590 <= heard.properties.MessageExpiryInterval <= 600


def test_a_report_is_sent_as_soon_as_it_is_kept(store: Store, mosquitto: Mosquitto) -> None:
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(make_publisher(store, mosquitto.port)) as publisher,
    ):
        wait_for(lambda: publisher.state.state == "connected" and subscriber.on("health"), "connected")
        began = time.monotonic()
        for number in range(5):
            store.put(make_report(number))
            wait_for(lambda number=number: len(subscriber.on("report")) > number, "heard")
        assert time.monotonic() - began < 2.5  # each would wait for almost a second if nobody woke the publisher


def test_status_and_health_are_retained_and_the_end_is_said(store: Store, mosquitto: Mosquitto) -> None:
    with running(make_publisher(store, mosquitto.port)) as publisher:
        wait_for(lambda: publisher.state.state == "connected", "connected")
        store.put(make_report())
        wait_for(all_sent(store), "sent")
        with Subscriber(mosquitto.port, client_id="late") as late:
            wait_for(lambda: late.on("status") and late.on("health"), "heard")
            assert late.on("status")[0].retain
            assert Status.from_json(late.on("status")[0].body) == make_status()
            assert late.on("health")[0].retain
            assert Health.from_json(late.on("health")[0].body).signal.state == "live"
    assert publisher.state.state == "stopped"
    with Subscriber(mosquitto.port, client_id="later") as later:
        wait_for(lambda: later.on("status"), "heard")
        status = Status.from_json(later.on("status")[0].body)
    assert (status.state, status.reason, status.session) == ("offline", "stopped", make_status().session)


def test_health_is_published_again_only_when_a_state_changes(store: Store, mosquitto: Mosquitto) -> None:
    states = ["live"]
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(make_publisher(store, mosquitto.port, lambda: make_health(signal=states[-1]))) as publisher,
    ):
        wait_for(lambda: subscriber.on("health"), "heard")
        publisher.health_changed()  # only counters differ
        states.append("no_signal")
        wait_for(lambda: not publisher._health_asked.is_set(), "looked at")
        publisher.health_changed()
        wait_for(lambda: len(subscriber.on("health")) >= 2, "heard")
        store.put(make_report())
        wait_for(lambda: subscriber.on("report"), "heard")
    assert [Health.from_json(heard.body).signal.state for heard in subscriber.on("health")] == ["live", "no_signal"]


def test_health_is_repeated_at_its_interval(store: Store, mosquitto: Mosquitto) -> None:
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(make_publisher(store, mosquitto.port, health_interval_s=1)),
    ):
        wait_for(lambda: len(subscriber.on("health")) == 2, "repeated", timeout_s=3)


def test_events_of_a_box_without_broker_are_sent_later(store: Store, make_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = make_mosquitto().start()
    broker.stop()
    event = Event(device_id="cart-7", at=datetime.now(UTC), kind="foot_switch", text="the foot switch was pressed")
    with running(make_publisher(store, broker.port)) as publisher:
        wait_for(lambda: publisher.state.state == "unreachable", "unreachable")
        publisher.publish_event(event)
        broker.start()
        with Subscriber(broker.port) as subscriber:
            wait_for(lambda: publisher.state.state == "connected", "connected")
            publisher.publish_event(event.model_copy(update={"event_id": uuid7()}))
            wait_for(lambda: events_of(subscriber, "foot_switch"), "heard")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_commands_and_receipts_are_handed_over(store: Store, mosquitto: Mosquitto, version: str) -> None:
    commands: list[object] = []
    receipts: list[Receipt] = []
    publisher = make_publisher(
        store, mosquitto.port, on_command=commands.append, on_receipt=receipts.append, version=version
    )
    receipt = Receipt(report_id=uuid7(), status="stored", application="archive")
    with Subscriber(mosquitto.port) as application, running(publisher):
        wait_for(lambda: application.on("health"), "there")
        application.publish("edge-cad/v1/cart-7/command", '{"command": "take_picture", "command_id": "a1"}')
        application.publish(
            "edge-cad/v1/cart-7/command", '{"command": "replay", "command_id": "a2", "after": "2026-03-01T12:00:00Z"}'
        )
        application.publish("edge-cad/v1/cart-8/command", '{"command": "take_picture", "command_id": "for another"}')
        application.publish("edge-cad/v1/cart-7/receipt", receipt.to_json())
        wait_for(lambda: receipts, "handed over")
    assert commands == [
        TakePicture(command="take_picture", command_id="a1"),
        Replay(command="replay", command_id="a2", after=NOON),
    ]
    assert receipts == [receipt]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "Invalid JSON"),
        ('{"command": "explode", "command_id": "a"}', "take_picture"),
        ('{"command": "take_picture"}', "command_id"),
        ('{"command": "take_picture", "command_id": "a", "dose": 3}', "dose"),
        ("\xff", "Invalid JSON"),
    ],
)
def test_a_bad_command_becomes_an_event_and_does_no_harm(
    store: Store, mosquitto: Mosquitto, body: str, reason: str
) -> None:
    commands: list[object] = []
    with (
        Subscriber(mosquitto.port) as application,
        running(make_publisher(store, mosquitto.port, on_command=commands.append)) as publisher,
    ):
        wait_for(lambda: application.on("health"), "there")
        application.publish("edge-cad/v1/cart-7/command", body)
        wait_for(lambda: events_of(application, "message_refused"), "told")
        assert reason in events_of(application, "message_refused")[0].text
        assert commands == []
        assert publisher.state.state == "connected"


def test_a_retained_command_is_not_carried_out_at_the_next_connection(store: Store, mosquitto: Mosquitto) -> None:
    commands: list[object] = []
    with Subscriber(mosquitto.port) as application:
        application.publish(
            "edge-cad/v1/cart-7/command", '{"command": "take_picture", "command_id": "old"}', retain=True
        )
        for version in ("5", "3.1.1"):
            with running(make_publisher(store, mosquitto.port, on_command=commands.append, version=version)):
                wait_for(lambda: application.on("health"), "there")
                application.heard.clear()
                application.publish("edge-cad/v1/cart-7/command", "{")  # comes after the retained one
                wait_for(lambda: events_of(application, "message_refused"), "told")
    assert commands == []


def test_stopping_sends_what_waits_but_not_for_ever(store: Store, mosquitto: Mosquitto) -> None:
    publisher = make_publisher(store, mosquitto.port)
    with running(publisher, flush_s=0.5):
        wait_for(lambda: publisher.state.state == "connected", "connected")
        mosquitto.suspend()
        store.put(make_report())
        began = time.monotonic()
    assert 0.4 < time.monotonic() - began < 4
    assert store.counts().unsent == 1


def test_a_report_that_is_kept_at_the_very_end_is_still_sent(store: Store, mosquitto: Mosquitto) -> None:
    """The worst moment: after the publisher looked into the outbox, and before it sees that it is to stop."""
    stoppers: list[threading.Thread] = []

    def keep_and_stop(command: object) -> None:  # runs in the publisher's thread
        store.put(make_report(1))
        stoppers.append(threading.Thread(target=publisher.stop))
        stoppers[0].start()
        wait_for(publisher._stopping.is_set, "it is to stop")

    publisher = make_publisher(store, mosquitto.port, on_command=keep_and_stop)
    with Subscriber(mosquitto.port) as subscriber:
        publisher.start()
        wait_for(lambda: publisher.state.state == "connected", "connected")
        subscriber.publish("edge-cad/v1/cart-7/command", '{"command": "take_picture", "command_id": "1"}')
        wait_for(lambda: stoppers, "the command came")
        stoppers[0].join(10)
        assert store.counts().unsent == 0
        wait_for(lambda: subscriber.on("report"), "heard")
