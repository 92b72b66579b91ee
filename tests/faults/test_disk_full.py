import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Mosquitto, Subscriber, wait_for
from fakes.reports import make_report
from publishing import all_sent, ids_of, make_publisher, running

from edge_app import keeper as keeper_module
from edge_app.errors import StoreFull
from edge_app.keeper import Keeper
from edge_app.store import Evidence, Retention, Store

POLICY = Retention(max_bytes=10**12, sent_days=365, evidence_days=365)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(store: Store) -> list[str]:
    kept: list[str] = []
    with pytest.raises(StoreFull, match="disk is full: make room"):
        for number in range(1000):
            report = make_report(number)
            store.put(report, [Evidence("picture.png", "image/png", os.urandom(50_000))])
            kept.append(report.report_id)
    return kept


def test_a_full_disk_loses_nothing_that_was_kept_and_what_is_there_can_be_sent(
    small_disk: Path, mosquitto: Mosquitto
) -> None:
    path = small_disk / "store.sqlite3"
    store = Store(path)
    kept = fill(store)
    assert len(kept) > 5
    store.close()
    store = Store(path)  # a full disk is no reason not to start
    try:
        assert store.set_aside is None
        assert [row.report_id for row in store.next_unsent(0, 1000)] == kept
        with Subscriber(mosquitto.port) as subscriber, running(make_publisher(store, mosquitto.port)):
            wait_for(lambda: len(set(ids_of(subscriber))) == len(kept), "heard")
    finally:
        store.close()


def test_the_service_waits_while_the_disk_is_full_and_goes_on_when_there_is_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, mosquitto: Mosquitto
) -> None:
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.05)
    ballast = small_disk / "ballast"
    store = Store(small_disk / "store.sqlite3")
    ballast.write_bytes(bytes(1_500_000))
    kept = fill(store)
    stopping = threading.Event()
    keeper = Keeper(store, POLICY, stopping)
    report = make_report(5000)
    thread = threading.Thread(
        target=keeper.keep, args=(report, (Evidence("picture.png", "image/png", os.urandom(50_000)),)), daemon=True
    )
    thread.start()
    try:
        wait_for(lambda: keeper.state(None).state == "full", "told")
        ballast.unlink()
        thread.join(10)
        assert not thread.is_alive()
        assert keeper.state(None).state == "ok"
        with running(make_publisher(store, mosquitto.port)):
            wait_for(all_sent(store), "sent")
        assert store.report_ids() == [*kept, report.report_id]
    finally:
        stopping.set()
        thread.join(10)
        store.close()
