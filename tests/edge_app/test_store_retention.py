from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes.reports import NOON, make_report

from edge_app.errors import StoreFull
from edge_app.messages import Report
from edge_app.store import Evidence, Store
from edge_app.store_retention import BATCH, Pruned, Retention

DAY_S = 86_400
NOW = NOON + timedelta(days=500)
POLICY = Retention(max_bytes=10**9, sent_days=30, evidence_days=7)


def picture(size: int = 1000) -> list[Evidence]:
    return [Evidence("picture.png", "image/png", bytes(size)), Evidence("provenance.json", "application/json", b"{}")]


def aged(days: float) -> Report:
    return make_report(int((500 - days) * DAY_S))


def filled(store: Store, ages_days: list[float], size: int = 1000) -> list[Report]:
    """Delivered reports of these ages."""
    reports = [aged(days) for days in ages_days]
    for report in reports:
        store.put(report, picture(size))
    store.mark_delivered([row.outbox_id for row in store.next_unsent(0, len(reports))])
    return reports


def kept(store: Store, reports: list[Report]) -> list[tuple[bool, bool]]:
    """For each report, whether it and its evidence are there."""
    return [(store.read(r.report_id) is not None, bool(store.read_evidence(r.report_id))) for r in reports]


def test_delivered_reports_and_pictures_are_dropped_by_age(store: Store) -> None:
    reports = filled(store, [40, 10, 1])
    assert store.prune(POLICY, NOW) == Pruned(reports=1, evidence=2)
    assert kept(store, reports) == [(False, False), (True, False), (True, True)]
    assert store.prune(POLICY, NOW) == Pruned(0, 0)


def test_what_is_unsent_or_refused_stays_with_its_picture_whatever_its_age(store: Store) -> None:
    reports = [aged(400), aged(399)]
    for report in reports:
        store.put(report, picture())
    store.mark_refused(store.next_unsent(0, 1)[0].outbox_id, "too large")
    tight = Retention(max_bytes=1, sent_days=0, evidence_days=0)
    assert store.prune(tight, NOW) == Pruned(0, 0)
    assert kept(store, reports) == [(True, True)] * 2


@pytest.mark.parametrize("jump", [timedelta(days=-9000), timedelta(days=9000)])
def test_nothing_is_dropped_for_its_age_while_the_clock_is_not_believed(store: Store, jump: timedelta) -> None:
    reports = filled(store, [40, 1])
    assert store.prune(POLICY, None) == Pruned(0, 0)
    assert kept(store, reports) == [(True, True)] * 2


def test_many_are_dropped_in_several_transactions(store: Store) -> None:
    reports = filled(store, [40] * (2 * BATCH + 5), size=10)
    assert store.prune(POLICY, NOW, batches=1) == Pruned(0, BATCH)
    assert store.prune(POLICY, NOW).reports == len(reports)
    assert store.counts().reports == 0


def test_pictures_and_then_reports_make_room_oldest_first(store: Store) -> None:
    reports = filled(store, [5, 4, 3, 2, 1] * 60, size=40_000)
    unsent = aged(0)
    store.put(unsent, picture())
    limit = store.counts().size_bytes
    pruned = store.prune(Retention(limit, 30, 7), NOW)
    assert 0 < pruned.evidence < len(reports)
    assert pruned.reports == 0
    assert store.counts().size_bytes <= 0.85 * limit
    there = [has_picture for _, has_picture in kept(store, reports)]
    assert there == sorted(there)  # those that were kept first went first
    tiny = Retention(200_000, 30, 7)
    assert store.prune(tiny, None).reports > 0
    assert kept(store, [unsent]) == [(True, True)]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "small.sqlite3", max_bytes=300_000)
    yield store
    store.close()


def test_a_full_store_takes_no_report_and_drops_none(small: Store) -> None:
    reports = [make_report(number) for number in range(100)]
    with pytest.raises(StoreFull, match="max_size_mb") as raised:
        for report in reports:
            small.put(report, picture(20_000))
    assert "0 MB" in str(raised.value)
    count = small.counts().reports
    assert 5 < count < 20
    assert small.prune(Retention(300_000, 0, 0), NOW) == Pruned(0, 0)
    small.mark_delivered([row.outbox_id for row in small.next_unsent(0, count // 2)])
    small.prune(Retention(300_000, 365, 365), NOW)
    small.put(reports[-1], picture(20_000))
    assert [row.report_id for row in small.next_unsent(0, 100)] == [
        report.report_id for report in (*reports[count // 2 : count], reports[-1])
    ]
