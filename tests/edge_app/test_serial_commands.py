import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from controllers import firmware_image, remove_firmware_image
from typer.testing import CliRunner, Result

from edge_app.cli import app
from edge_app.config import Config
from edge_app.doctor import examine
from firmware_bridge.emulator import EmulatedController


@pytest.fixture(scope="module")
def board() -> Iterator[EmulatedController]:
    with tempfile.TemporaryDirectory() as folder, EmulatedController(firmware_image(), Path(folder)) as made:
        yield made
    remove_firmware_image()


def serial(*words: str) -> Result:
    return CliRunner().invoke(app, ["serial", *words])


def test_bench_on_a_terminal_gives_its_figures(tmp_path: Path) -> None:
    done = serial("bench", "--pty", "--messages", "50", "--json", str(tmp_path / "figures.json"))
    assert done.exit_code == 0, done.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures == json.loads(done.output)
    assert figures["sent"] == figures["answered"] == 50 and figures["events_lost_uncounted"] == 0
    assert 0 < figures["round_trip_p50_ms"] <= figures["round_trip_p99_ms"]


def test_bench_on_the_emulated_board_gives_its_figures() -> None:
    firmware_image()  # skips where it cannot be built
    done = serial("bench", "--emulated", "--messages", "40")
    assert done.exit_code == 0, done.output
    figures = json.loads(done.output)
    assert figures["controller"].startswith("lm3s6965evb")
    assert figures["answered"] == 40 and figures["events"] == figures["events_taken"] == 4


def test_command_is_sent_and_its_fate_told(board: EmulatedController) -> None:
    done = serial("send", "relay", "1", "closed", "--device", board.path)
    assert done.exit_code == 0 and done.output.startswith("done (1 tries"), done.output
    assert board.relays == 2
    refused = serial("send", "relay", "3", "closed", "--device", board.path, "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.output)["status"] == "refused"


@pytest.mark.parametrize("words", ["buzz 99 10", "lamp blue", "relay 0 shut", "relay x open", "dance"])
def test_wrong_words_are_usage_and_say_what_there_is(words: str) -> None:
    done = serial("send", *words.split())
    assert done.exit_code == 2 and "relay NUMBER" in done.output.replace("\n", " ")


def test_monitor_shows_states_events_and_figures(board: EmulatedController) -> None:
    done = serial("monitor", "--device", board.path, "--seconds", "2", "--json")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert any(line["what"] == "state" and line["state"] == "up" for line in lines)
    assert lines[-1]["what"] == "figures" and lines[-1]["answered"] > 5


def test_missing_port_is_a_missing_part(tmp_path: Path) -> None:
    path = str(tmp_path / "ttyACM9")
    assert serial("send", "ping", "--device", path).exit_code == 3
    assert serial("bench", "--device", path, "--messages", "10").exit_code == 3
    monitored = serial("monitor", "--device", path, "--seconds", "0.3")
    assert monitored.exit_code == 0 and "plug the controller in" in monitored.output


def serial_check(device: str, folder: Path) -> tuple[bool, str]:
    source = {"kind": "image_folder", "path": str(folder)}
    checks = examine(Config.model_validate({"serial": {"device": device}, "source": source}))
    (check,) = [check for check in checks if check.name == "serial port"]
    return check.ok, check.text


def test_doctor_greets_the_controller(board: EmulatedController, tmp_path: Path) -> None:
    ok, text = serial_check(board.path, tmp_path)
    assert ok and "lm3s6965evb 1.0.0 answers in" in text
    ok, text = serial_check(str(tmp_path / "ttyACM9"), tmp_path)
    assert not ok and "plug the controller in" in text
    ok, text = serial_check("", tmp_path)
    assert ok and "no controller is configured" in text
