import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fakes.reports import NOON, make_report
from typer.testing import CliRunner, Result

from edge_app.cli import app
from edge_app.messages import Report
from edge_app.store import Evidence, Store


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder with a configuration and a store of ten reports, of which three were delivered."""
    (tmp_path / "edge-cad.toml").write_text('[store]\npath = "store.sqlite3"\n')
    store = Store(tmp_path / "store.sqlite3")
    for number in range(10):
        store.put(make_report(number), [Evidence("picture.png", "image/png", bytes([number]) * 5000)])
    store.mark_delivered([row.outbox_id for row in store.next_unsent(0, 3)])
    store.close()
    return tmp_path


def edge_cad(box: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["store", *arguments, "--config", str(box / "edge-cad.toml")])


def state(box: Path) -> dict[str, Any]:
    result = edge_cad(box, "check", "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (1 if found["problems"] else 0)
    return found


def flip(box: Path, content: bytes) -> None:
    """Flip one bit of the file, within this content."""
    path = box / "store.sqlite3"
    data = bytearray(path.read_bytes())
    data[data.index(content) + len(content) // 2] ^= 1
    path.write_bytes(data)


def test_a_sound_store_is_called_sound(box: Path) -> None:
    found = state(box)
    assert (found["reports"], found["unsent"], found["problems"], found["set_aside"]) == (10, 7, [], [])
    assert "sound" in edge_cad(box, "check").stdout


def test_check_works_beside_a_running_service_and_changes_nothing(box: Path) -> None:
    store = Store(box / "store.sqlite3")
    before = (box / "store.sqlite3").read_bytes()
    assert state(box)["problems"] == []
    assert (box / "store.sqlite3").read_bytes() == before
    store.close()


def test_one_flipped_bit_in_a_picture_is_found(box: Path) -> None:
    flip(box, bytes([4]) * 1000)
    (problem,) = state(box)["problems"]
    assert problem.endswith("picture.png is not what was kept")


def test_one_flipped_bit_in_a_report_is_found_and_repair_keeps_all_others(box: Path) -> None:
    flip(box, b'"sequence":6,')
    (problem,) = state(box)["problems"]
    assert problem.endswith("is not what was kept")
    result = edge_cad(box, "repair", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["sound"]
    found = state(box)
    assert (found["reports"], found["unsent"], found["problems"]) == (9, 6, [])
    assert len(found["set_aside"]) == 1
    again = edge_cad(box, "repair")
    assert (again.exit_code, "sound" in again.stdout) == (0, True)
    assert state(box)["reports"] == 9


def test_a_spoiled_page_is_found(box: Path) -> None:
    path = box / "store.sqlite3"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 4] = b"\xa5" * 4096
    path.write_bytes(data)
    assert state(box)["problems"]


def test_no_store_and_no_database_are_told(tmp_path: Path) -> None:
    (tmp_path / "edge-cad.toml").write_text('[store]\npath = "store.sqlite3"\n')
    assert edge_cad(tmp_path, "check").exit_code == 3
    (tmp_path / "store.sqlite3").write_bytes(b"no database" * 1000)
    result = edge_cad(tmp_path, "check")
    assert (result.exit_code, "not a database" in result.output) == (3, True)


def test_repair_does_not_take_the_store_from_a_running_service(box: Path) -> None:
    store = Store(box / "store.sqlite3")
    result = edge_cad(box, "repair")
    assert (result.exit_code, "another edge-cad uses it" in " ".join(result.output.split())) == (3, True)
    store.close()


def test_export_gives_every_report_in_order_with_its_pictures(box: Path) -> None:
    result = edge_cad(box, "export", "--evidence", str(box / "pictures"))
    reports = [Report.from_json(line) for line in result.stdout.splitlines()]
    assert [report.frame.sequence for report in reports if report.frame] == list(range(10))
    assert (box / "pictures" / reports[3].report_id / "picture.png").read_bytes() == bytes([3]) * 5000
    after = edge_cad(box, "export", "--after", f"{NOON:%Y-%m-%dT12:00:06}")
    assert after.stdout.splitlines() == result.stdout.splitlines()[7:]


def test_prune_drops_what_was_delivered_and_nothing_else(box: Path) -> None:
    result = edge_cad(box, "prune", "--sent-days", "0", "--json")
    assert json.loads(result.stdout) == {"reports": 3, "evidence": 3}
    connection = sqlite3.connect(box / "store.sqlite3")
    assert connection.execute("SELECT count(*) FROM reports").fetchone() == (7,)
    connection.close()
    assert state(box)["unsent"] == 7
