import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.reports import NOON, make_report
from typer.testing import CliRunner

from edge_app.audit import read_head, verify
from edge_app.cli import app
from edge_app.errors import StoreError
from edge_app.store import Retention, Store

COUNT = 12
TRIGGERS = ("audit_is_not_changed", "audit_is_not_cut")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a start, twelve reports and a command in its log."""
    path = tmp_path / "store.sqlite3"
    (tmp_path / "edge-cad.toml").write_text('[store]\npath = "store.sqlite3"\n')
    store = Store(path)
    store.log("start", {"session": "a", "software": "edge-cad"})
    for number in range(COUNT):
        store.put(make_report(number))
    store.log("command", {"command": "replay"})
    store.close()
    return path


def change(path: Path, *statements: str) -> None:
    """As somebody who can write the file, and takes the triggers away for it."""
    connection = sqlite3.connect(path)
    with connection:
        for name in TRIGGERS:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
    connection.close()


def test_a_log_that_nobody_touched_is_sound_and_is_told_so(path: Path) -> None:
    state = verify(path)
    assert (state.entries, state.problems) == (COUNT + 2, ())
    head = read_head(path)
    assert head is not None and (head.number, head.hash) == (state.entries, state.last_hash)
    result = CliRunner().invoke(app, ["audit", "verify", "--json", "--config", str(path.with_name("edge-cad.toml"))])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"entries": COUNT + 2, "last_hash": state.last_hash, "problems": []}


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE audit SET entry = replace(entry, 'report', 'command') WHERE number = 5", "entry 5: it was changed"),
        ("DELETE FROM audit WHERE number = 5", "entry 6: entry 5 is missing"),
        ("DELETE FROM audit WHERE number > 10", "entries were cut off at the end: 14 had been written, 10 are here"),
        ("UPDATE reports SET body = replace(body, '81.5', '91.5') WHERE rowid = 3", "is not what was logged"),
        ("DELETE FROM reports WHERE rowid = 3", "1 reports are not in the store any more, and 0 were pruned"),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_found(path: Path, statement: str, problem: str) -> None:
    change(path, statement)
    (told,) = verify(path).problems
    assert problem in told
    result = CliRunner().invoke(app, ["audit", "verify", "--config", str(path.with_name("edge-cad.toml"))])
    assert (result.exit_code, problem in result.stdout) == (1, True)


def test_two_entries_that_changed_places_are_found(path: Path) -> None:
    change(
        path,
        "UPDATE audit SET number = 100 WHERE number = 5",
        "UPDATE audit SET number = 5 WHERE number = 6",
        "UPDATE audit SET number = 6 WHERE number = 100",
    )
    (told,) = verify(path).problems
    assert "does not follow" in told


def test_the_log_cannot_be_changed_by_mistake(path: Path) -> None:
    connection = sqlite3.connect(path)
    for statement in ("UPDATE audit SET kind = 'x'", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("cut", [lambda size: size // 2, lambda size: 0], ids=["half", "all"])
def test_a_wal_that_was_cut_short_is_found(tmp_path: Path, cut: Callable[[int], int]) -> None:
    """SQLite itself takes what is left of it for the whole."""
    path, copy = tmp_path / "store.sqlite3", tmp_path / "copy.sqlite3"
    store = Store(path)
    for number in range(COUNT):
        store.put(make_report(number))
    for suffix in ("", "-wal", ".head"):
        shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    store.close()
    wal = Path(f"{copy}-wal")
    content = wal.read_bytes()
    wal.write_bytes(content[: cut(len(content))])
    problems: tuple[str, ...]
    try:
        problems = verify(copy).problems
    except StoreError as error:
        problems = (str(error),)
    assert len(problems) == 1


def test_a_head_that_is_behind_is_true_and_one_of_another_log_is_not(path: Path) -> None:
    old = Path(f"{path}.head").read_bytes()
    store = Store(path)
    store.put(make_report(100))
    store.close()
    Path(f"{path}.head").write_bytes(old)  # as after a power cut
    assert verify(path).problems == ()
    Path(f"{path}.head").write_bytes(old[:30] + b"0" * 50 + b"\n")
    (told,) = verify(path).problems
    assert "is not the one that was written" in told
    Path(f"{path}.head").write_bytes(b"\0" * 80)
    assert verify(path).problems == ()


def test_pruned_reports_are_not_missed(path: Path) -> None:
    store = Store(path)
    store.mark_delivered([row.outbox_id for row in store.next_unsent(0, 5)])
    assert store.prune(Retention(10**9, 0, 0), NOON.replace(year=2030)).reports == 5
    store.close()
    assert verify(path).problems == ()


def test_only_a_change_is_logged_as_one(path: Path) -> None:
    store = Store(path)
    assert [store.log_change("config_changed", {"sha256": value}) for value in "aabba"] == [
        True,
        False,
        True,
        False,
        True,
    ]
    store.close()
    assert verify(path).entries == COUNT + 5


def test_exports_and_starts_of_the_service_are_logged_beside_one_that_runs(path: Path) -> None:
    store = Store(path)
    result = CliRunner().invoke(app, ["store", "export", "--config", str(path.with_name("edge-cad.toml"))])
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, COUNT)
    store.put(make_report(200))
    store.close()
    assert verify(path).problems == ()
    connection = sqlite3.connect(path)
    kinds = [row[0] for row in connection.execute("SELECT kind FROM audit ORDER BY number DESC LIMIT 2")]
    connection.close()
    assert kinds == ["report", "export"]


def test_a_store_that_was_set_aside_takes_its_head_along(path: Path) -> None:
    store = Store(path, damaged=True)
    store.close()
    assert verify(path).problems == ()
