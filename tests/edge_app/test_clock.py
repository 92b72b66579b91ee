import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from brokers import Mosquitto, Subscriber, wait_for
from fakes.pictures import FakeRouter, frame, sector
from fakes.reports import NOON, make_report
from publishing import all_sent, ids_of, make_publisher, running

from cad_modules.registry import Registry
from edge_app import amendments, clock
from edge_app.amendments import ClockWatch
from edge_app.clock import amendment_now, boot_id, clock_now, wall_time_trusted
from edge_app.messages import Amendment, ClockInfo, Report
from edge_app.pipeline import Pipeline
from edge_app.records import Analysis, Picture, Plan
from edge_app.store import Store

EARLIER_BOOT = "0f0e0d0c-1111-4222-8333-444444444444"


class NoModules:
    def analyze(self, plan: Plan, picture: Picture) -> tuple[Analysis, ...]:
        return ()


def stamped(number: int, trusted: bool, boot: str | None = None) -> Report:
    info = ClockInfo(boot_id=boot or boot_id(), monotonic_ns=time.monotonic_ns(), trusted=trusted)
    return make_report(number).model_copy(update={"clock": info})


def test_every_report_bears_boot_and_monotonic_time() -> None:
    reports: list[Report] = []
    pipeline = Pipeline("cart-7", FakeRouter(), Registry(()), NoModules(), reports.append)
    pipeline.run([frame(sector(1), 0), frame(sector(2), 1)])
    clocks = [report.clock for report in reports]
    assert all(info is not None and info.boot_id == boot_id() for info in clocks)
    assert [info.monotonic_ns for info in clocks if info] == sorted({info.monotonic_ns for info in clocks if info})
    assert clock_now().trusted is wall_time_trusted()


def test_timesyncd_and_the_kernel_are_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "synchronized"
    monkeypatch.setattr(clock, "SYNCHRONISED", mark)
    monkeypatch.setattr(clock, "TIME_ERROR", 0)  # the kernel says that nothing keeps the clock
    assert not wall_time_trusted()
    mark.touch()
    assert wall_time_trusted()
    mark.unlink()
    monkeypatch.setattr(clock, "TIME_ERROR", 100)  # the kernel says that the clock is kept
    assert wall_time_trusted()


def test_a_report_of_an_older_version_is_read() -> None:
    body = make_report().to_json().replace('"clock":null,', "")
    assert '"clock"' not in body
    assert Report.from_json(body).clock is None


def test_an_amendment_tells_the_true_time_once_the_clock_is_set(
    store: Store, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amendments, "LOOK_EVERY_S", 0.0)
    is_set = False
    monkeypatch.setattr(amendments, "wall_time_trusted", lambda: is_set)
    made_at = datetime.now(UTC)
    report = stamped(0, trusted=False)
    store.put(report)
    with Subscriber(mosquitto.port) as subscriber, running(make_publisher(store, mosquitto.port)) as publisher:
        watch = ClockWatch(store, "cart-7", publisher.amendment_kept)
        watch.look()
        wait_for(all_sent(store), "sent")
        assert subscriber.on("amendment") == []
        is_set = True
        watch.look()
        wait_for(lambda: subscriber.on("amendment"), "amended")
        wait_for(lambda: not store.undelivered_amendments(), "marked")
        watch.look()
    (heard,) = subscriber.on("amendment")
    amendment = Amendment.from_json(heard.body)
    assert heard.properties is not None
    assert heard.properties.UserProperty == [("schema", "edge-cad/amendment/1")]
    assert report.clock is not None
    assert amendment.boot_id == report.clock.boot_id
    true_time = amendment.at - timedelta(microseconds=(amendment.monotonic_ns - report.clock.monotonic_ns) / 1000)
    assert abs(true_time - made_at) < timedelta(seconds=1)
    assert store.amendment(boot_id()) == amendment


def test_an_amendment_waits_in_the_store_for_the_broker(store: Store, mosquitto: Mosquitto) -> None:
    store.put(stamped(0, trusted=False))
    assert store.amend(amendment_now("cart-7"))
    assert not store.amend(amendment_now("cart-7"))  # once is enough
    with Subscriber(mosquitto.port) as subscriber:
        for _ in range(2):
            with running(make_publisher(store, mosquitto.port)) as publisher:
                wait_for(lambda publisher=publisher: publisher.state.state == "connected", "connected")
                wait_for(lambda: not store.undelivered_amendments(), "delivered")
        wait_for(lambda: subscriber.on("amendment"), "heard")
    assert len(subscriber.on("amendment")) == 1


def test_no_amendment_where_none_is_needed(store: Store) -> None:
    store.put(stamped(0, trusted=True))
    store.put(stamped(1, trusted=False, boot=EARLIER_BOOT))
    assert not store.amend(amendment_now("cart-7"))
    assert store.undelivered_amendments() == []


def test_a_jump_of_years_either_way_loses_and_reorders_nothing(store: Store, mosquitto: Mosquitto) -> None:
    years = [2026, 1970, 2061, 2026, 2000]
    reports = [make_report(number).model_copy(update={"created_at": NOON.replace(year=year)})
               for number, year in enumerate(years)]  # fmt: skip
    for report in reports:
        store.put(report)
    with Subscriber(mosquitto.port) as subscriber, running(make_publisher(store, mosquitto.port)):
        wait_for(all_sent(store), "sent")
        wait_for(lambda: len(ids_of(subscriber)) == 5, "heard")
    assert ids_of(subscriber) == [report.report_id for report in reports] == store.report_ids()
