import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from brokers import wait_for
from fakes.reports import make_report

from edge_app import keeper as keeper_module
from edge_app.errors import StoreDamaged, StoreUnavailable
from edge_app.keeper import Keeper
from edge_app.store import Evidence, Retention, Store

POLICY = Retention(max_bytes=300_000, sent_days=365, evidence_days=365)
PICTURE = (Evidence("picture.png", "image/png", bytes(20_000)),)


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.05)


def in_thread(keeper: Keeper, count: int) -> threading.Thread:
    def keep() -> None:
        for number in range(count):
            keeper.keep(make_report(number), PICTURE)

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    return thread


def test_it_waits_while_the_store_is_full_of_unsent_reports_and_goes_on_when_they_are_sent(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite3", max_bytes=POLICY.max_bytes)
    told: list[str] = []
    keeper = Keeper(store, POLICY, threading.Event(), lambda: told.append(keeper.state(None).state))
    thread = in_thread(keeper, 30)
    wait_for(lambda: keeper.state(None).state == "full", "full")
    assert "max_size_mb" in keeper.state(None).reason
    assert 5 < store.counts().unsent < 20
    while thread.is_alive():
        store.mark_delivered([row.outbox_id for row in store.next_unsent(0, 100)])
        thread.join(0.05)
    assert store.counts().reports == 30
    assert told[:2] == ["full", "ok"]
    store.close()


def test_a_disk_that_cannot_be_written_is_a_state_and_nothing_is_lost(store: Store) -> None:
    keeper = Keeper(store, POLICY, threading.Event())
    store._writer.execute("PRAGMA query_only = ON")  # as when the file system turns read-only
    thread = in_thread(keeper, 1)
    wait_for(lambda: keeper.state(None).state == "failed", "told")
    store._writer.execute("PRAGMA query_only = OFF")
    thread.join(5)
    assert keeper.state(None).state == "ok"
    assert store.counts().unsent == 1


def test_stopping_ends_the_wait_and_the_report_is_not_called_kept(store: Store) -> None:
    stopping = threading.Event()
    stopping.set()
    store._writer.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable):
        Keeper(store, POLICY, stopping).keep(make_report())
    assert store.counts().reports == 0


def test_a_report_whose_commit_succeeded_in_spite_of_an_error_is_not_kept_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Store.put

    def put_and_fail(self: Store, *arguments: object) -> None:
        put(self, *arguments)  # type: ignore[arg-type]
        raise StoreUnavailable("the disk failed while the transaction ended")

    monkeypatch.setattr(Store, "put", put_and_fail)
    Keeper(store, POLICY, threading.Event()).keep(make_report())
    assert store.counts().reports == 1


def test_damage_is_not_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Store, *arguments: object) -> None:
        raise StoreDamaged("the file is damaged")

    monkeypatch.setattr(Store, "put", fail)
    with pytest.raises(StoreDamaged):
        Keeper(store, POLICY, threading.Event()).keep(make_report())


def test_a_report_that_waits_too_long_is_shouted_about(store: Store) -> None:
    keeper = Keeper(store, POLICY, threading.Event(), unsent_alarm_s=3600)
    assert keeper.state(datetime.now(UTC) - timedelta(minutes=50)).state == "ok"
    state = keeper.state(datetime.now(UTC) - timedelta(hours=5))
    assert (state.state, "5 hours" in state.reason) == ("overdue", True)


def test_a_store_that_was_set_aside_is_told(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"
    path.write_bytes(b"not a database" * 1000)
    store = Store(path)
    state = Keeper(store, POLICY, threading.Event()).state(None)
    assert state.state == "damaged"
    assert "store.sqlite3.damaged-" in state.reason
    store.close()
