import json
from pathlib import Path

import pytest
from fakes.reports import make_clip_report, make_report

from edge_app.store import Store
from tools.faulting.verdict import judge, read_promised, read_received, read_stored
from tools.report_client import ReportDatabase

IDS = [f"id-{number}" for number in range(5)]


def kept(*numbers: int) -> list[dict[str, object]]:
    """Reports as a subscriber kept them."""
    return [
        {"report_id": IDS[number], "source": "run-1", "scope": "frame", "frame": {"sequence": number}}
        for number in numbers
    ]


def test_everything_once_and_in_order_is_good() -> None:
    verdict = judge(IDS, IDS, kept(0, 1, 2, 3, 4), kills=7)
    assert verdict.good
    assert (verdict.kills, verdict.published, verdict.received) == (7, 5, 5)


def test_a_report_that_was_stored_but_not_yet_promised_may_arrive() -> None:
    assert judge(IDS[:4], IDS, kept(0, 1, 2, 3, 4), kills=1).good


@pytest.mark.parametrize(
    ("promised", "stored", "received"),
    [
        pytest.param(IDS, IDS, kept(0, 1, 3, 4), id="promised and never arrived"),
        pytest.param(IDS[:4], IDS, kept(0, 1, 2, 3), id="stored and never arrived"),
        pytest.param(IDS, IDS[:4], kept(0, 1, 2, 3, 4), id="promised and arrived, but gone from the store"),
    ],
)
def test_what_is_missing_counts_as_lost(promised: list[str], stored: list[str], received: list[dict]) -> None:
    verdict = judge(promised, stored, received, kills=1)
    assert (verdict.lost, verdict.doubled, verdict.out_of_order) == (1, 0, 0)
    assert not verdict.good


def test_the_same_id_twice_is_doubled() -> None:
    assert judge(IDS, IDS, kept(0, 1, 1, 2, 3, 4), kills=1).doubled == 1


def test_the_same_picture_under_two_ids_is_doubled() -> None:
    received = kept(0, 1, 2, 3, 4)
    received[3]["frame"] = {"sequence": 2}
    assert judge(IDS, IDS, received, kills=1).doubled == 1


def test_a_later_report_that_came_first_is_out_of_order() -> None:
    verdict = judge(IDS, IDS, kept(0, 3, 1, 2, 4), kills=1)
    assert (verdict.lost, verdict.doubled, verdict.out_of_order) == (0, 0, 2)


def test_what_the_service_wrote_down_is_read_up_to_the_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "acknowledged"
    assert read_promised(path) == []
    path.write_text("id-0\nid-1\nid-")
    assert read_promised(path) == IDS[:2]


def test_store_and_subscriber_are_read_in_their_own_order(tmp_path: Path) -> None:
    reports = [make_report(3), make_clip_report(1), make_report(2)]
    store = Store(tmp_path / "store.sqlite3")
    for report in reports:
        store.put(report)
    store.mark_delivered([store.next_unsent(0, 1)[0].outbox_id])
    store.close()
    assert read_stored(tmp_path / "store.sqlite3") == ([report.report_id for report in reports], 2)
    database = ReportDatabase(tmp_path / "received.sqlite3")
    for report, fresh in [*((report, True) for report in reports), (reports[0], False)]:
        assert database.keep(json.loads(report.to_json()), report.to_json()) is fresh
    database.close()
    received = read_received(tmp_path / "received.sqlite3")
    assert [report["report_id"] for report in received] == [report.report_id for report in reports]
