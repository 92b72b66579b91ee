import json
import subprocess
import sys
from pathlib import Path

import pytest
from brokers import MOSQUITTO, need

ROOT = Path(__file__).resolve().parents[2]


def chaos(folder: Path, *arguments: str) -> dict[str, object]:
    need(MOSQUITTO, "mosquitto")
    result = folder / "result.json"
    command = [sys.executable, str(ROOT / "tools/chaos"), "--json", str(result), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    summary: dict[str, object] = json.loads(result.read_text())
    return summary


@pytest.mark.parametrize("scenario", ["kill", "storm"])
def test_nothing_is_lost_doubled_or_reordered_when_service_broker_and_link_fail_at_once(
    tmp_path: Path, scenario: str
) -> None:
    summary = chaos(tmp_path, "--kills", "3", "--scenario", scenario, "--seed", "7")
    counts = summary["scenarios"][scenario]  # type: ignore[index]
    assert summary["kills"] == counts["kills"] == 3
    assert counts["published"] > 0
    assert counts["received"] >= counts["published"]
    assert (counts["lost"], counts["doubled"], counts["out_of_order"]) == (0, 0, 0)


def test_help_names_every_scenario() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools/chaos"), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("outbox", "analysing", "restart", "kill", "hang", "refuse", "lossy"))
