import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from brokers import same_path
from fakes.reports import NOON, make_clip_report, make_report

from edge_app import store_file
from edge_app.errors import StoreError
from edge_app.store import Evidence, Store, StoreCounts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "store.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


def test_a_report_comes_back_as_it_was_put(store: Store) -> None:
    report, clip = make_report(), make_clip_report()
    picture = Evidence("frame.png", "image/png", b"\x89PNG\x00")
    store.put(report, [picture])
    store.put(clip)
    assert store.read(report.report_id) == report
    assert store.read(clip.report_id) == clip
    assert store.read("0") is None
    assert store.read_evidence(report.report_id) == [picture]
    assert store.read_evidence(clip.report_id) == []


def test_unsent_reports_come_in_order_and_in_parts(store: Store) -> None:
    reports = [make_report(number) for number in range(5)]
    for report in reports:
        store.put(report)
    first = store.next_unsent(after=0, limit=2)
    rest = store.next_unsent(after=first[-1].outbox_id, limit=10)
    assert [row.report_id for row in (*first, *rest)] == [report.report_id for report in reports]
    assert len(first) == 2
    assert first[0].body == reports[0].to_json()
    assert (first[0].device_id, first[0].category) == ("cart-7", "us_breast")


@pytest.mark.parametrize(("decision", "category"), [("rejected", "none"), ("ambiguous", "ambiguous")])
def test_a_report_without_a_sure_category_has_a_topic_too(store: Store, decision: str, category: str) -> None:
    store.put(make_report(decision=decision))
    assert store.next_unsent(0, 1)[0].category == category


def test_a_delivered_report_leaves_the_outbox_and_stays_in_the_store(store: Store) -> None:
    reports = [make_report(number) for number in range(3)]
    for report in reports:
        store.put(report)
    rows = store.next_unsent(0, 3)
    store.mark_delivered([rows[0].outbox_id, rows[2].outbox_id])
    assert [row.report_id for row in store.next_unsent(0, 9)] == [reports[1].report_id]
    assert store.read(reports[0].report_id) == reports[0]


def test_counts_tell_how_full_the_store_is(store: Store) -> None:
    assert store.counts() == StoreCounts(0, 0, 0, None, store.counts().size_bytes)
    for number in range(4):
        store.put(make_report(number))
    rows = store.next_unsent(0, 4)
    store.mark_delivered([rows[0].outbox_id])
    store.mark_refused(rows[1].outbox_id, "too large")
    counts = store.counts()
    assert (counts.reports, counts.unsent, counts.refused) == (4, 2, 1)
    assert counts.oldest_unsent_at == NOON + timedelta(seconds=2)
    assert counts.size_bytes >= 4096


def test_a_refused_report_is_not_offered_until_it_is_to_be_retried(store: Store) -> None:
    for number in range(2):
        store.put(make_report(number))
    refused, other = store.next_unsent(0, 2)
    store.mark_refused(refused.outbox_id, "too large")
    assert store.next_unsent(0, 9) == [other]
    assert store.refusals() == [(refused.report_id, "too large")]
    assert store.retry_refused() == 1
    assert store.next_unsent(0, 9) == [refused, other]


def test_reports_after_a_moment_are_sent_again_once(store: Store) -> None:
    reports = [make_report(number) for number in range(4)]
    for report in reversed(reports):
        store.put(report)
    store.mark_delivered([row.outbox_id for row in store.next_unsent(0, 3)])  # one still waits
    in_another_zone = (NOON + timedelta(seconds=0.5)).astimezone(timezone(timedelta(hours=2)))
    assert store.send_again(in_another_zone) == 3
    assert [row.report_id for row in store.next_unsent(0, 9)] == [report.report_id for report in reports]
    assert store.send_again(in_another_zone) == 0


def test_a_report_is_kept_whole_or_not_at_all(store: Store) -> None:
    twice = Evidence("frame.png", "image/png", b"1")
    with pytest.raises(StoreError):
        store.put(make_report(1), [twice, twice])
    assert (store.counts().reports, store.counts().unsent) == (0, 0)
    store.put(make_report(2))
    assert store.counts().reports == 1


def test_the_same_report_is_not_kept_twice(store: Store) -> None:
    report = make_report()
    store.put(report)
    with pytest.raises(StoreError):
        store.put(report)
    assert (store.counts().reports, store.counts().unsent) == (1, 1)


def test_reports_outlive_the_process_that_kept_them(path: Path) -> None:
    child = (
        "import sys, os; from pathlib import Path; from fakes.reports import make_report\n"
        "from edge_app.store import Store; store = Store(Path(sys.argv[1]))\n"
        "for number in range(3): store.put(make_report(number))\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", child, str(path)], env=same_path()).returncode == -9
    store = Store(path)
    assert (store.counts().reports, store.counts().unsent) == (3, 3)
    store.close()


def test_every_commit_is_forced_to_the_disk(store: Store) -> None:
    (mode,) = store._writer.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = store._writer.execute("PRAGMA synchronous").fetchone()
    (keys,) = store._writer.execute("PRAGMA foreign_keys").fetchone()
    assert (mode, synchronous, keys) == ("wal", 2, 1)


def test_threads_write_and_read_at_the_same_time(store: Store) -> None:
    seen: list[int] = []
    failures: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for number in range(first, first + 25):
                store.put(make_report(number))
        except BaseException as error:
            failures.append(error)

    def deliver() -> None:
        try:
            while len(seen) < 50:
                rows = store.next_unsent(0, 8)
                store.mark_delivered([row.outbox_id for row in rows])
                seen.extend(row.outbox_id for row in rows)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(0,)), threading.Thread(target=write, args=(100,))]
    threads.append(threading.Thread(target=deliver))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert seen == sorted(set(seen))
    assert (store.counts().reports, store.counts().unsent) == (50, 0)


def test_listeners_hear_of_every_new_unsent_report(store: Store) -> None:
    heard: list[int] = []
    store.on_unsent(lambda: heard.append(store.counts().unsent))
    store.put(make_report())
    assert heard == [1]


@pytest.mark.parametrize("damage", ["header", "page", "text"])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(path)
    for number in range(50):
        store.put(make_report(number))
    store.close()
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:16] = bytes(16)
    elif damage == "page":
        content[4096:-4096] = os.urandom(len(content) - 8192)
    else:
        content[:] = b"not a database at all" * 100
    path.write_bytes(content)

    store = Store(path)
    assert store.set_aside is not None
    assert store.set_aside.name.startswith(f"store.sqlite3.damaged-{datetime.now(UTC):%Y%m}")
    assert store.set_aside.read_bytes() == content
    assert "is damaged" in caplog.text
    assert str(store.set_aside) in caplog.text
    assert store.counts().reports == 0
    store.put(make_report())
    store.close()

    store = Store(path)
    assert store.set_aside is None
    assert store.counts().reports == 1
    store.close()


def test_only_one_service_may_have_a_store_open(store: Store, path: Path) -> None:
    with pytest.raises(StoreError, match=r"another edge-cad uses it: stop that one, or choose another store\.path"):
        Store(path)
    store.put(make_report())
    store.close()
    Store(path).close()


def test_a_full_disk_is_named_and_costs_only_the_new_report(store: Store) -> None:
    store.put(make_report())
    (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count = {pages + 2}")  # as far as SQLite can tell, the disk is full
    with pytest.raises(StoreError, match="the disk is full: make room"):
        store.put(make_report(), [Evidence("frame.png", "image/png", bytes(100_000))])
    assert (store.counts().reports, store.counts().unsent) == (1, 1)
    store._writer.execute(f"PRAGMA max_page_count = {pages + 100}")
    store.put(make_report(), [Evidence("frame.png", "image/png", bytes(100_000))])
    assert store.counts().reports == 2


def test_a_read_only_file_is_named(store: Store) -> None:
    store._writer.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="read-only: mount it writable"):
        store.put(make_report())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"File exists \(.*/file\): .* or change store\.path"):
        Store(tmp_path / "file" / "store.sqlite3")


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite3").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path / "store.sqlite3")


def test_nobody_else_may_read_the_reports(store: Store, path: Path) -> None:
    store.put(make_report())
    assert path.stat().st_mode & 0o077 == 0
    assert Path(f"{path}-wal").stat().st_mode & 0o077 == 0


def test_a_file_of_a_newer_version_is_left_alone(path: Path) -> None:
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="made by a newer edge-cad"):
        Store(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (99,)
    connection.close()


def test_an_older_file_is_brought_to_the_newest_version_with_its_reports(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(path)
    store.put(make_report())
    store.close()
    newer = (*store_file.MIGRATIONS, "ALTER TABLE outbox ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue';")
    monkeypatch.setattr(store_file, "MIGRATIONS", newer)
    store = Store(path)
    assert store.counts().unsent == 1
    assert store._writer.execute("SELECT colour FROM outbox").fetchall() == [("blue",)]
    assert store._writer.execute("PRAGMA user_version").fetchone() == (len(newer),)
    store.close()


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(path).close()
    broken = (*store_file.MIGRATIONS, "CREATE TABLE half (id INTEGER); SELECT * FROM nowhere;")
    with monkeypatch.context() as patch, pytest.raises(StoreError, match="no such table: nowhere"):
        patch.setattr(store_file, "MIGRATIONS", broken)
        Store(path)
    store = Store(path)
    assert store._writer.execute("PRAGMA user_version").fetchone() == (len(store_file.MIGRATIONS),)
    assert store._writer.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    store.close()


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.put(make_report())
