"""Several brokers, each with its own place in the outbox; urgent reports first."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from brokers import Mosquitto, Subscriber, wait_for
from fakes.reports import NOON, make_health, make_report, make_status
from publishing import ids_of

from edge_app import store_file
from edge_app.config import MqttConfig
from edge_app.messages import Amendment, Command, Event, Report, TakePicture, Trigger, uuid7
from edge_app.outbox import Outbox
from edge_app.publishers import Publishers
from edge_app.store import Retention, Store

BOTH = ("", "clinic")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.sqlite3", destinations=BOTH)
    yield store
    store.close()


def put(store: Store, count: int, urgent: tuple[int, ...] = ()) -> list[str]:
    ids = []
    for number in range(count):
        report = make_report(number)
        if number in urgent:
            trigger = Trigger(event="freeze_on", event_id=uuid7(), happened_at=NOON, offset_ms=0.0, uncertainty_ms=1.0)
            report = report.model_copy(update={"trigger": trigger})
        store.put(report)
        ids.append(report.report_id)
    return ids


def outbox_of(store: Store, destination: str = "", urgent_first: bool = False, size: int = 4) -> Outbox:
    outbox = Outbox(store, size, lambda report, reason: None, destination=destination, urgent_first=urgent_first)
    outbox.connection_opened()
    return outbox


def drain(outbox: Outbox, most: int = 100) -> list[str]:
    sent = []
    while rows := outbox.next(1):
        sent += [row.report_id for row in rows]
        for row in rows:
            outbox.delivered(row)
        outbox.settle()
        if len(sent) == most:
            break
    return sent


def test_every_destination_gets_every_report_and_one_does_not_take_from_another(store: Store) -> None:
    ids = put(store, 3)
    assert drain(outbox_of(store, "clinic")) == ids
    assert (store.unsent_to("clinic"), store.unsent_to("")) == (0, 3)
    assert drain(outbox_of(store)) == ids
    assert store.counts().unsent == 0


def test_a_report_that_one_broker_still_lacks_is_not_pruned(store: Store) -> None:
    put(store, 2)
    drain(outbox_of(store))
    retention = Retention(10**9, 0.0, 0.0)
    assert store.prune(retention, NOON + timedelta(days=10)).reports == 0
    drain(outbox_of(store, "clinic"))
    assert store.prune(retention, NOON + timedelta(days=10)).reports == 2


def test_what_waits_for_a_destination_that_is_gone_is_dropped_and_written_down(tmp_path: Path, store: Store) -> None:
    put(store, 2)
    store.close()
    alone = Store(tmp_path / "store.sqlite3")
    assert alone.drop_other_destinations() == {"clinic": 2}
    assert alone.drop_other_destinations() == {}
    assert alone.counts().unsent == 2
    entries = alone._writer.execute("SELECT entry FROM audit WHERE kind = 'destination_dropped'").fetchall()
    alone.close()
    assert len(entries) == 1 and '"clinic"' in entries[0][0]


def test_reports_are_sent_again_to_every_destination_that_has_them(store: Store) -> None:
    put(store, 3)
    drain(outbox_of(store))
    assert store.send_again(NOON) == 2  # those after noon; the clinic's still wait
    assert (store.unsent_to(""), store.unsent_to("clinic")) == (2, 3)


def test_each_destination_keeps_its_own_refusals(store: Store) -> None:
    put(store, 1)
    (row,) = store.next_unsent(0, 10, "clinic")
    store.mark_refused(row.outbox_id, "too large")
    assert store.next_unsent(0, 10, "clinic") == []
    assert len(store.next_unsent(0, 10)) == 1
    assert store.retry_refused("") == 0
    assert store.retry_refused("clinic") == 1


def test_an_amendment_goes_to_every_destination(store: Store) -> None:
    boot = "11111111-2222-3333-4444-555555555555"
    store._writer.execute("INSERT INTO amendments (boot_id) VALUES (?)", (boot,))
    assert store.amend(Amendment(device_id="cart-7", boot_id=boot, at=NOON, monotonic_ns=5))
    store.mark_amended(boot, "clinic")
    assert store.undelivered_amendments("clinic") == []
    assert [one.boot_id for one in store.undelivered_amendments()] == [boot]


def test_a_damaged_store_gives_each_destination_what_it_lacked(tmp_path: Path, store: Store) -> None:
    ids = put(store, 3, urgent=(1,))
    drain(outbox_of(store, "clinic"), most=2)
    store.close()
    whole = Store(tmp_path / "store.sqlite3", damaged=True, destinations=BOTH)
    assert [row.report_id for row in whole.next_unsent(0, 10, "clinic")] == ids[2:]
    assert [row.report_id for row in whole.next_unsent(0, 10)] == ids
    assert [row.report_id for row in whole.newest_urgent(10)] == ids[1:2]
    whole.close()


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_an_outbox_of_every_older_version_is_the_main_destinations(tmp_path: Path, version: int) -> None:
    path = tmp_path / "older.sqlite3"
    connection = sqlite3.connect(path)
    for script in store_file.MIGRATIONS[:version]:
        connection.executescript(script)
    reports = [make_report(number) for number in range(3)]
    for number, report in enumerate(reports, 1):
        row = (report.report_id, "cart-7", "us_breast", report.created_at.isoformat(), report.to_json())
        connection.execute(
            "INSERT INTO reports (report_id, device_id, category, created_at, body) VALUES (?,?,?,?,?)", row
        )
        connection.execute("INSERT INTO outbox (id, report_id) VALUES (?, ?)", (10 * number, report.report_id))
    connection.execute("UPDATE outbox SET refusal = 'no' WHERE id = 20")
    connection.execute("DELETE FROM outbox WHERE id = 30")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()
    store = Store(path, destinations=BOTH)
    assert [row.outbox_id for row in store.next_unsent(0, 10)] == [10]
    assert store.refusals() == [(reports[1].report_id, "no")]
    assert store.unsent_to("clinic") == 0
    store.put(make_report(9))
    assert store.next_unsent(10, 10)[0].outbox_id > 30  # numbers are never used twice
    store.close()


def test_of_a_backlog_the_newest_that_was_asked_for_goes_first(store: Store) -> None:
    ids = put(store, 9, urgent=(2, 5, 6))
    assert drain(outbox_of(store, urgent_first=True)) == [ids[n] for n in (6, 5, 2, 0, 1, 3, 4, 7, 8)]
    assert drain(outbox_of(store, "clinic")) == ids


def test_what_is_asked_for_meanwhile_overtakes_and_nothing_is_sent_twice(store: Store) -> None:
    ids = put(store, 4, urgent=(3,))
    outbox = outbox_of(store, urgent_first=True, size=2)
    sent = drain(outbox, most=2)
    ids += put(store, 2, urgent=(0, 1))
    sent += drain(outbox)
    assert sent == [ids[n] for n in (3, 0, 5, 4, 1, 2)]


def test_a_lost_connection_sends_urgent_ones_again_first(store: Store) -> None:
    ids = put(store, 4, urgent=(2,))
    outbox = outbox_of(store, urgent_first=True)
    assert [row.report_id for row in outbox.next(2)] == [ids[2], ids[0]]
    outbox.connection_lost(closed_by_broker=False)
    outbox.connection_opened()
    assert drain(outbox) == [ids[2], ids[0], ids[1], ids[3]]


def make_publishers(store: Store, main: int, clinic: int, commands: list[Command], events: list[Event]) -> Publishers:
    further = [{"name": "clinic", "port": clinic, "commands": False}]
    settings = MqttConfig.model_validate({"port": main, "further": further})
    return Publishers(settings, store, make_status(), make_health, commands.append, events.append)


def test_a_broker_that_is_away_holds_up_none_of_the_others_and_catches_up_in_order(
    tmp_path: Path, store: Store
) -> None:
    for name in ("main", "clinic"):
        (tmp_path / name).mkdir()
    main, clinic = Mosquitto(tmp_path / "main").start(), Mosquitto(tmp_path / "clinic")
    commands: list[Command] = []
    events: list[Event] = []
    publishers = make_publishers(store, main.port, clinic.port, commands, events)
    try:
        with Subscriber(main.port) as near:
            publishers.start()
            ids = put(store, 20)
            wait_for(lambda: ids_of(near) == ids, "all reports at the main broker")
            (health,) = publishers.further()
            assert (health.name, health.unsent) == ("clinic", 20)
            assert health.state != "connected" and health.reason
            publishers.publish_event(Event(device_id="cart-7", at=NOON, kind="freeze_on", text="frozen"))
            assert [event.kind for event in events] == ["freeze_on"]
            clinic.start()
            with Subscriber(clinic.port) as far:
                wait_for(lambda: ids_of(far) == ids, "all reports at the clinic's broker", timeout_s=20)
                wait_for(lambda: len(far.on("event")) == 1 and len(near.on("event")) == 1, "the event at both")
                order = TakePicture(command="take_picture", command_id=uuid7()).to_json()
                far.publish("edge-cad/v1/cart-7/command", order)
                near.publish("edge-cad/v1/cart-7/command", order)
                wait_for(lambda: commands, "the command of the main broker")
                assert len(commands) == 1
            assert publishers.state.state == "connected"
            assert publishers.further()[0].state == "connected"
            assert publishers.failure == ""
            wait_for(lambda: store.counts().unsent == 0, "an empty outbox")
            assert ids_of(near) == ids
    finally:
        publishers.stop()
        main.stop()
        clinic.stop()


def test_what_one_publisher_tells_is_heard_by_all_once(tmp_path: Path, store: Store) -> None:
    events: list[Event] = []
    publishers = make_publishers(store, 1, 2, [], events)
    publishers._publishers["clinic"]._tell("report_refused", "a report stays in the store", {})
    assert [event.kind for event in events] == ["report_refused"]
    assert [len(one._events) for one in publishers._publishers.values()] == [1, 1]
    publishers.stop()


def test_the_report_says_what_made_it_urgent(store: Store) -> None:
    (report_id,) = put(store, 1, urgent=(0,))
    report = store.read(report_id)
    assert isinstance(report, Report) and report.trigger is not None and report.trigger.event == "freeze_on"
