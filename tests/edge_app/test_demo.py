import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from brokers import Mosquitto

pytest.importorskip("data_store", reason="the demo's pictures come from pydicom-data")

from edge_app.demo_screen import PICTURES, DemoScreen
from edge_app.sources.live import CaptureFormat


def run_demo(*arguments: str) -> dict:  # type: ignore[type-arg]
    command = [sys.executable, "-m", "edge_app", "demo", "--json", "--seconds", "0.8", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def check_result(result: dict) -> None:  # type: ignore[type-arg]
    assert result["complete"]
    assert result["pictures"] == result["pictures_reported"] == len(PICTURES)
    assert result["delivered"] == result["reports"] and result["unsent"] == 0
    recognised = result["recognised"]
    assert recognised["SonoSite echo cine, 120 frames"] == "us_cardiac"
    assert recognised["Philips chest radiograph"] == "xr_chest"
    assert recognised["Fuji leg radiograph"] == "xr_extremity"
    assert "cardiothoracic_ratio" in result["features"]["Philips chest radiograph"]


def test_every_real_picture_is_reported_and_delivered_by_the_embedded_broker() -> None:
    check_result(run_demo())


def test_every_real_picture_is_reported_and_delivered_by_mosquitto(mosquitto: Mosquitto, tmp_path: Path) -> None:
    config = tmp_path / "edge-cad.toml"
    config.write_text(f"[mqtt]\nport = {mosquitto.port}\n[store]\npath = 'store.sqlite3'\n")
    check_result(run_demo("--config", str(config)))


def test_screen_knows_what_it_showed_and_ends() -> None:
    from pydicom.data import get_testdata_file

    names = ["examples_rgb_color.dcm", "examples_palette.dcm"]
    screen = DemoScreen([Path(str(get_testdata_file(name, download=False))) for name in names], 0.3, loop=False)
    screen.open(CaptureFormat())
    before = datetime.now(UTC)
    shapes = set()
    while not screen.ended.is_set():
        shapes.add(screen.read().pixels.shape)
    assert shapes == {(720, 1280, 3)}
    assert [showing.title for showing in screen.history()] == [PICTURES[name] for name in names]
    assert screen.at(before - timedelta(seconds=1)) is None
    latest = screen.at(datetime.now(UTC))
    assert latest is not None and latest.title == PICTURES[names[1]]
