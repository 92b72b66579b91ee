import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "faults"


@pytest.fixture(scope="module")
def tool() -> types.ModuleType:
    loader = importlib.machinery.SourceFileLoader("faults_tool", str(TOOL))
    spec = importlib.util.spec_from_loader("faults_tool", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["faults_tool"] = module  # its records are looked up by it
    loader.exec_module(module)
    return module


def test_no_result_is_made_of_a_lie_and_pictures_are_back_soon(tmp_path: Path) -> None:
    path = tmp_path / "outcome.json"
    command = [sys.executable, str(TOOL), "--count", "4", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    outcome = json.loads(path.read_text())
    assert outcome["faults"] == outcome["recovered"] == 4, done.stderr
    assert outcome["results"] > 0 and outcome["stale_results"] == 0, done.stderr
    assert (outcome["leaked_shm"], outcome["zombies"], outcome["processes_left"]) == (0, 0, 0), done.stderr


@pytest.mark.parametrize(
    "spoiled",
    [
        {"results": 0},
        {"stale_results": 1},
        {"recovered": 9},
        {"recovery_p95_s": 3.5},
        {"leaked_shm": 1},
        {"zombies": 1},
        {"processes_left": 1},
    ],
)
def test_the_aims_hold_only_if_every_single_one_does(tool: types.ModuleType, spoiled: dict[str, float]) -> None:
    good = {"faults": 10, "results": 20, "recovered": 10, "recovery_p95_s": 2.0}
    assert tool.Outcome(**good).is_well()
    assert not tool.Outcome(**{**good, **spoiled}).is_well()


def test_a_result_on_a_picture_from_within_a_fault_or_of_no_card_is_stale(tool: types.ModuleType) -> None:
    from datetime import UTC, datetime

    from fakes.reports import make_report

    class Rig:
        genuine = True

        torn_in_view = False

        def is_genuine(self, report: object) -> bool:
            return self.genuine

        def is_torn_in_view(self, report: object) -> bool:
            return self.torn_in_view

    report = make_report()
    assert report.frame is not None
    now = datetime.now(UTC)
    report = report.model_copy(update={"frame": report.frame.model_copy(update={"captured_at": now})})
    at_ns = int(now.timestamp() * 1e9) + tool.wall_to_monotonic_ns()
    inside = tool.Window("stall", at_ns - 10**9, at_ns + 10**9)
    over = tool.Window("stall", at_ns - 10**9, at_ns - 10**8)
    assert "stall" in tool.staleness(Rig(), report, [over, inside])
    assert tool.staleness(Rig(), report, [over]) == ""
    Rig.genuine = False
    assert "none of the card's" in tool.staleness(Rig(), report, [over])
    Rig.torn_in_view = True
    assert tool.staleness(Rig(), report, [over]) == "" and "stall" in tool.staleness(Rig(), report, [inside])
