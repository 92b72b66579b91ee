import logging
import sqlite3
from pathlib import Path

import pytest
from fakes.reports import make_report

from edge_app import store_file
from edge_app.messages import Report
from edge_app.store import Evidence, Store

COUNT = 400


def filled(path: Path, count: int = COUNT) -> list[Report]:
    """A store of which the first tenth was delivered and one report refused."""
    reports = [make_report(number) for number in range(count)]
    store = Store(path)
    for report in reports:
        store.put(report, [Evidence("picture.png", "image/png", report.report_id.encode() * 20)])
    rows = store.next_unsent(0, count // 10 + 1)
    store.mark_delivered([row.outbox_id for row in rows[:-1]])
    store.mark_refused(rows[-1].outbox_id, "too large")
    store.close()
    return reports


def pages_of(path: Path, table: str) -> list[int]:
    """Leaf pages of a table, by number."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)).fetchall()
    except sqlite3.OperationalError:
        pytest.skip("this SQLite has no dbstat")
    finally:
        connection.close()
    return [row[0] for row in rows]


def spoil(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


def test_everything_but_a_damaged_page_is_carried_over_in_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "store.sqlite3"
    reports = filled(path)
    leaves = pages_of(path, "reports")
    spoil(path, leaves[len(leaves) // 2])
    with caplog.at_level(logging.ERROR):
        store = Store(path)
    try:
        assert store.set_aside is not None and store.set_aside.exists()
        ids = [report.report_id for report in reports]
        there = store.report_ids()
        assert COUNT - 10 < len(there) < COUNT
        assert there == [report_id for report_id in ids if report_id in set(there)]
        waiting = [row.report_id for row in store.next_unsent(0, COUNT)]
        assert waiting == [report_id for report_id in ids[COUNT // 10 + 1 :] if report_id in set(there)]
        assert store.refusals() == [(ids[COUNT // 10], "too large")]
        assert store.read(ids[0]) == reports[0]
        assert store.read_evidence(ids[0])[0].content == ids[0].encode() * 20
        assert f"{len(there)} reports were carried over" in caplog.text
    finally:
        store.close()


def test_where_the_outbox_is_damaged_everything_is_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    reports = filled(path)
    for page in pages_of(path, "outbox"):
        spoil(path, page)
    store = Store(path)
    try:
        assert [row.report_id for row in store.next_unsent(0, 2 * COUNT)] == [report.report_id for report in reports]
    finally:
        store.close()


def test_a_report_that_is_not_what_was_kept_is_not_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    reports = filled(path, 20)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE reports SET body = replace(body, '81.5', '91.5') WHERE rowid = 15")
    connection.close()
    store = Store(path, damaged=True)
    try:
        assert store.report_ids() == [report.report_id for report in reports if report is not reports[14]]
        assert store.set_aside is not None
        salvaged = store.carry_over(store.set_aside)
        assert (salvaged.reports, salvaged.unsent, salvaged.unreadable) == (0, 0, 1)  # again changes nothing
    finally:
        store.close()


def test_nothing_of_a_file_that_is_no_database_is_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"not a database" * 1000)
    store = Store(path)
    assert store.counts().reports == 0
    store.close()


@pytest.mark.parametrize("version", range(1, len(store_file.MIGRATIONS)))
def test_a_file_of_each_older_version_is_brought_up_to_date_and_carried_over(tmp_path: Path, version: int) -> None:
    path, report = tmp_path / "store.sqlite3", make_report()
    connection = sqlite3.connect(path)
    for script in store_file.MIGRATIONS[:version]:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {version}")
    with connection:
        connection.execute(
            "INSERT INTO reports (report_id, device_id, category, created_at, body) VALUES (?, ?, ?, ?, ?)",
            (report.report_id, "cart-7", "us_breast", "2026-03-01T12:00:00.000000+00:00", report.to_json()),
        )
        connection.execute("INSERT INTO evidence (report_id, name, media_type, content) VALUES (?, 'a', 'b', x'00')",
                           (report.report_id,))  # fmt: skip
        connection.execute("INSERT INTO outbox (report_id) VALUES (?)", (report.report_id,))
    connection.close()
    copy = tmp_path / "copy.sqlite3"
    copy.write_bytes(path.read_bytes())
    for store in (Store(path), Store(copy, damaged=True)):
        try:
            assert store.read(report.report_id) == report
            assert store.counts().unsent == 1
            assert store.read_evidence(report.report_id) == [Evidence("a", "b", b"\0")]
        finally:
            store.close()
