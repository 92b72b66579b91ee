import json
import os
import pty
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from brokers import Mosquitto, free_port
from fakes.pictures import sector
from typer.testing import CliRunner

from cad_modules.contract import CATEGORIES
from edge_app.cli import app
from edge_app.messages import Report
from models.bundle import BUILT_IN_BUNDLES

runner = CliRunner()


def analyze(*arguments: str) -> tuple[int, list[Report], str]:
    done = runner.invoke(app, ["analyze", "--json", *arguments])
    return done.exit_code, [Report.from_json(line) for line in done.stdout.splitlines()], done.stderr


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), sector())
    return path


def test_help_names_every_command() -> None:
    text = runner.invoke(app, ["--help"]).stdout
    for command in ("run", "demo", "analyze", "modules", "config", "schema", "doctor", "version"):
        assert command in text


def test_image_gives_one_valid_report_with_the_path_as_given(picture: Path) -> None:
    code, reports, _ = analyze(str(picture))
    assert code == 0
    (report,) = reports
    assert report.source == str(picture)
    assert len(report.classification.scores) == len(CATEGORIES)


def test_given_category_runs_its_modules(picture: Path) -> None:
    _, (report,), _ = analyze("--category", "us_nerve", str(picture))
    assert report.classification.category == "us_nerve"
    assert {"image_quality", "screen_text"} <= {analysis.module for analysis in report.analyses}


def test_lengths_are_in_millimetres_only_with_a_spacing(tmp_path: Path) -> None:
    path = tmp_path / "head.png"
    pixels = np.full((300, 400), 40, np.uint8)
    cv2.ellipse(pixels, (200, 150), (140, 110), 0, 0, 360, 220, 6)
    cv2.imwrite(str(path), pixels)

    def reason(*spacing: str) -> str:
        _, (report,), _ = analyze(*spacing, "--category", "us_fetal_head", str(path))
        (entry,) = [entry for entry in report.analyses if entry.module == "gestational_age"]
        return entry.reason

    assert "spacing is not known" in reason()
    assert "spacing is not known" not in reason("--mm-per-pixel", "0.3")


def test_unknown_category_is_wrong_usage(picture: Path) -> None:
    code, reports, errors = analyze("--category", "us_brain", str(picture))
    assert (code, reports) == (2, [])
    assert "us_brain" in errors and "us_lung" in errors


def test_clip_gives_a_report_per_analysed_frame_and_one_for_the_whole(tmp_path: Path) -> None:
    path = str(tmp_path / "clip.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (320, 240))
    for shift in range(20):
        writer.write(cv2.cvtColor(np.roll(sector(), shift, axis=0), cv2.COLOR_GRAY2BGR))
    writer.release()
    code, reports, _ = analyze("--category", "us_cardiac", path)
    assert code == 0
    assert [report.scope for report in reports] == ["frame", "frame", "clip"]
    assert reports[-1].clip is not None and reports[-1].clip.frames == 20


def bad_files(folder: Path) -> dict[str, Path]:
    good = cv2.imencode(".jpg", sector())[1].tobytes()
    contents = {
        "empty.png": b"",
        "truncated.jpg": good[: len(good) // 2],
        "text.jpg": b"this is not a picture at all",
        "tiny.png": cv2.imencode(".png", np.zeros((1, 1), np.uint8))[1].tobytes(),
        "document.pdf": b"%PDF-1.7",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents} | {"missing.png": folder / "missing.png"}


def test_bad_files_are_named_and_the_rest_goes_on(tmp_path: Path, picture: Path) -> None:
    bad = bad_files(tmp_path)
    code, reports, errors = analyze(*map(str, bad.values()), str(picture))
    assert code == 1
    assert [report.source for report in reports] == [str(picture)]
    for name in bad:
        (line,) = [line for line in errors.splitlines() if name in line]
        assert line.startswith("edge-cad: ")


def test_reports_go_to_the_file_and_progress_to_the_terminal(tmp_path: Path, picture: Path) -> None:
    ours, terminal = pty.openpty()
    reports = tmp_path / "reports.jsonl"
    command = [sys.executable, "-m", "edge_app", "analyze", "--json", str(picture)]
    with reports.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=terminal, env={**os.environ, "TERM": "xterm"})
        assert process.wait(60) == 0
    os.close(terminal)
    shown = b""
    with suppress(OSError):  # a terminal whose other end is closed
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert Report.from_json(reports.read_text()).source == str(picture)
    assert b" reports" in shown and b"schema" not in shown


def test_video_without_frames_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (320, 240))
    writer.release()
    code, reports, errors = analyze(str(path))
    assert (code, reports) == (1, [])
    assert "none.avi" in errors


def test_picture_of_10000_pixels_a_side_is_analysed(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    pixels = np.kron(sector(height=200, width=200), np.ones((50, 50), np.uint8))
    cv2.imwrite(str(path), pixels.astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    code, (report,), _ = analyze("--category", "xr_chest", str(path))
    assert code == 0
    assert report.frame is not None and (report.frame.width, report.frame.height) == (10000, 10000)
    assert all(analysis.status in ("ok", "unsuitable") for analysis in report.analyses), report.analyses


def test_damaged_router_is_refused_with_the_way_out(tmp_path: Path, picture: Path) -> None:
    copy = shutil.copytree(BUILT_IN_BUNDLES / "router", tmp_path / "bundles" / "router")
    content = bytearray((copy / "model.tflite").read_bytes())
    content[-100] ^= 0xFF
    (copy / "model.tflite").write_bytes(content)
    config = tmp_path / "edge-cad.toml"
    config.write_text('[router]\nbundle_folders = ["bundles"]\n')
    code, reports, errors = analyze("--config", str(config), str(picture))
    assert (code, reports) == (3, [])
    assert "SHA-256" in errors and "model.tflite" in errors


def test_damaged_segmentation_costs_only_its_modules(tmp_path: Path, picture: Path) -> None:
    copy = shutil.copytree(BUILT_IN_BUNDLES / "chest_segmentation", tmp_path / "bundles" / "chest_segmentation")
    (copy / "model.tflite").write_bytes(b"broken")
    config = tmp_path / "edge-cad.toml"
    config.write_text('[router]\nbundle_folders = ["bundles"]\n')
    code, (report,), _ = analyze("--config", str(config), "--category", "xr_chest", str(picture))
    assert code == 0
    status = {analysis.module: analysis.status for analysis in report.analyses}
    assert status["lung_fields"] == status["cardiothoracic_ratio"] == "unavailable"
    assert status["image_quality"] == "ok"


def test_module_that_cannot_be_imported_is_listed_with_its_reason(tmp_path: Path) -> None:
    package = tmp_path / "vendor-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[cad_modules]\nvendor_module = vendor_missing:MODULE\n")
    done = subprocess.run(
        [sys.executable, "-m", "edge_app", "modules", "--json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (entry,) = json.loads(done.stdout)["unavailable"]
    assert entry["name"] == "vendor_module" and "vendor_missing" in entry["reason"]


def test_every_category_has_two_modules_or_more() -> None:
    done = runner.invoke(app, ["modules", "--json"])
    assert done.exit_code == 0
    modules = json.loads(done.stdout)["modules"]
    for category in CATEGORIES:
        assert sum(category in module["categories"] for module in modules) >= 2


@pytest.mark.parametrize("what", ["report", "config", "asyncapi"])
def test_schema_is_json(what: str) -> None:
    done = runner.invoke(app, ["schema", what])
    assert done.exit_code == 0
    assert json.loads(done.stdout)


def test_unknown_schema_is_wrong_usage() -> None:
    assert runner.invoke(app, ["schema", "protobuf"]).exit_code == 2


def test_example_configuration_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "edge-cad.toml"
    path.write_text(runner.invoke(app, ["config", "example"]).stdout)
    assert runner.invoke(app, ["config", "check", str(path)]).exit_code == 0


def test_mistake_in_the_configuration_names_the_key(tmp_path: Path) -> None:
    path = tmp_path / "edge-cad.toml"
    path.write_text('[mqtt]\nprot = 1883\nkeepalive_s = "long"\n')
    done = runner.invoke(app, ["config", "check", str(path)])
    assert done.exit_code == 2
    assert "mqtt.prot" in done.stderr and "mqtt.keepalive_s" in done.stderr


def test_run_with_a_missing_configuration_is_wrong_usage(tmp_path: Path) -> None:
    done = runner.invoke(app, ["run", "--config", str(tmp_path / "none.toml")])
    assert done.exit_code == 2
    assert "none.toml" in done.stderr


def doctor(folder: Path, port: int, source: str) -> tuple[int, dict[str, dict[str, object]]]:
    path = folder / "edge-cad.toml"
    path.write_text(f"[source]\n{source}\n[mqtt]\nport = {port}\n[store]\npath = 'store.sqlite3'\n")
    done = runner.invoke(app, ["doctor", "--json", "--config", str(path)])
    return done.exit_code, {check["name"]: check for check in json.loads(done.stdout)}


def test_doctor_finds_all_well(tmp_path: Path, mosquitto: Mosquitto, picture: Path) -> None:
    code, checks = doctor(tmp_path, mosquitto.port, f"kind = 'image_folder'\npath = '{picture}'")
    assert code == 0, checks
    assert {"source", "serial port", "broker", "store", "clock", "model router", "modules"} <= set(checks)


def test_doctor_says_what_to_do(tmp_path: Path) -> None:
    code, checks = doctor(tmp_path, free_port(), "kind = 'capture_card'\ndevice = '/dev/video99'")
    assert code == 1
    assert not checks["source"]["ok"] and "cable" in str(checks["source"]["text"])
    assert not checks["broker"]["ok"] and "start the broker" in str(checks["broker"]["text"])


def test_doctor_sees_whether_the_page_can_be_served(tmp_path: Path) -> None:
    from edge_app.config import Config
    from edge_app.doctor import _page
    from edge_app.errors import EdgeCadError

    def page(**web: object) -> str:
        return _page(Config.model_validate({"web": {"enabled": True, "port": 0, **web}}))

    assert "off" in _page(Config())
    assert "can be served at 127.0.0.1:0" in page()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "is in use" in page(port=taken.getsockname()[1])
    with pytest.raises(EdgeCadError, match=r"192\.0\.2\.1"):
        page(host="192.0.2.1", allow_http=True)
    (tmp_path / "page.pem").write_text("no certificate")
    (tmp_path / "page.pem").chmod(0o600)
    with pytest.raises(EdgeCadError, match="certificate"):
        page(certificate_file=str(tmp_path / "page.pem"), key_file=str(tmp_path / "page.pem"))


def test_version_names_the_models() -> None:
    found = json.loads(runner.invoke(app, ["version", "--json"]).stdout)
    assert found["edge-cad"] and found["model router"]
