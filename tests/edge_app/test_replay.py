import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from brokers import free_port
from fakes.pictures import sector

CONFIGURATION = """
[device]
id = "cart-7"
[source]
kind = "image_folder"
path = "pictures"
[router]
reject_threshold = 1.0
accept_threshold = 0.1
[analysis]
interval_s = 0.2
[mqtt]
port = {port}
[store]
path = "store.sqlite3"
{store}
[log]
level = "warning"
"""


def edge_cad(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_app", *arguments, "--config", str(folder / "edge-cad.toml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def run(folder: Path, store: str = "") -> None:
    """Let the service analyse gray and colour stills, one with text on it, and a clip, without a broker."""
    pictures = folder / "pictures"
    pictures.mkdir()
    cv2.imwrite(str(pictures / "1.png"), sector(1))
    colour = cv2.cvtColor(sector(2, 480, 640), cv2.COLOR_GRAY2BGR)
    colour[100:300, 250:400, 2] //= 2
    cv2.imwrite(str(pictures / "2.png"), colour)
    cv2.putText(colour, "DOE JANE 1970", (230, 200), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    cv2.imwrite(str(pictures / "3.png"), colour)
    writer = cv2.VideoWriter(str(pictures / "4.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (640, 480))
    for number in range(12):
        writer.write(np.roll(cv2.cvtColor(sector(3, 480, 640), cv2.COLOR_GRAY2BGR), number // 2, axis=0))
    writer.release()
    (folder / "edge-cad.toml").write_text(CONFIGURATION.format(port=free_port(), store=store))
    done = edge_cad(folder, "run")
    assert done.returncode == 0, done.stderr


def replay(folder: Path, *arguments: str) -> dict[str, Any]:
    done = edge_cad(folder, "replay", "--all", "--json", *arguments)
    assert done.stdout, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if summary["different"] else 0)
    return summary


def change(folder: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(folder / "store.sqlite3")
    with connection:
        assert connection.execute(statement, values).rowcount > 0
    connection.close()


@pytest.fixture(scope="module")
def unmasked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unmasked")
    run(folder, "mask_text = false")
    return folder


def test_stills_and_frames_of_clips_come_out_the_same(unmasked: Path) -> None:
    summary = replay(unmasked)
    assert summary["identical"] == summary["replayed"] >= 5
    assert summary["different"] == summary["not_comparable"] == 0
    assert summary["not_replayable"] == 1
    assert "sums up" in summary["reports"][0]["reason"]


def test_one_report_is_replayed_by_its_id(unmasked: Path) -> None:
    connection = sqlite3.connect(unmasked / "store.sqlite3")
    ((report_id,),) = connection.execute("SELECT report_id FROM reports ORDER BY rowid LIMIT 1").fetchall()
    connection.close()
    done = edge_cad(unmasked, "replay", report_id)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{report_id} identical")
    missing = edge_cad(unmasked, "replay", "01934f0e-6a5c-7d1e-9f43-0a3c5e7b9d21")
    assert (missing.returncode, "there is no report" in missing.stderr) == (3, True)
    assert edge_cad(unmasked, "replay").returncode == 2


def test_a_report_that_says_something_else_is_told_with_what_differs(tmp_path: Path, unmasked: Path) -> None:
    for name in ("store.sqlite3", "edge-cad.toml"):
        (tmp_path / name).write_bytes((unmasked / name).read_bytes())
    (tmp_path / "pictures").mkdir()
    change(
        tmp_path,
        "UPDATE reports SET body = json_set(body, '$.classification.ood_score', 0.123, "
        "'$.analyses[0].version', '0.9.0') WHERE rowid = 1",
    )
    change(
        tmp_path,
        "UPDATE evidence SET content = json_set(content, '$.models[0].version', '0.0.9', '$.software.numpy', '1.0') "
        "WHERE name = 'provenance.json' AND report_id = (SELECT report_id FROM reports WHERE rowid = 1)",
    )
    summary = replay(tmp_path)
    assert summary["different"] == 1
    told = summary["reports"][0]
    assert any(line.startswith("classification.ood_score: 0.123 -> ") for line in told["differences"])
    assert any(".version: 0.9.0 -> " in line for line in told["differences"])
    assert any(line.startswith("numpy 1.0 -> ") for line in told["changed"])
    assert any("0.0.9" in line and line.startswith("model ") for line in told["changed"])


def test_a_damaged_picture_makes_a_report_different(tmp_path: Path, unmasked: Path) -> None:
    for name in ("store.sqlite3", "edge-cad.toml"):
        (tmp_path / name).write_bytes((unmasked / name).read_bytes())
    (tmp_path / "pictures").mkdir()
    change(
        tmp_path,
        "UPDATE evidence SET content = substr(content, 1, length(content) / 2) "
        "WHERE name = 'picture.png' AND report_id = (SELECT report_id FROM reports WHERE rowid = 2)",
    )
    summary = replay(tmp_path)
    assert summary["different"] == 1
    assert summary["reports"][0]["reason"] == "the kept picture is missing or damaged"


def test_with_masking_text_is_not_in_the_store_and_its_report_is_not_called_different(tmp_path: Path) -> None:
    run(tmp_path)
    summary = replay(tmp_path)
    assert summary["different"] == 0
    assert summary["identical"] >= 2
    connection = sqlite3.connect(tmp_path / "store.sqlite3")
    rows = connection.execute(
        "SELECT evidence.content, body FROM evidence JOIN reports USING (report_id) WHERE name = 'picture.png'"
    ).fetchall()
    masked = connection.execute(
        "SELECT count(*) FROM evidence WHERE name = 'provenance.json' AND json_array_length(content, '$.masked') > 0"
    ).fetchone()[0]
    connection.close()
    assert masked >= 1
    pictures = {json.loads(body)["source"]: cv2.imdecode(np.frombuffer(png, np.uint8), -1) for png, body in rows}
    written = next(picture for source, picture in pictures.items() if source.endswith("3.png"))
    assert (written == 255).mean() < 0.001  # the letters are gone


def test_without_evidence_nothing_is_kept_and_that_is_told(tmp_path: Path) -> None:
    run(tmp_path, 'evidence = "none"')
    summary = replay(tmp_path)
    assert (summary["replayed"], summary["identical"]) == (0, 0)
    assert {"nothing was kept with it, or it was pruned"} < {report["reason"] for report in summary["reports"]}
