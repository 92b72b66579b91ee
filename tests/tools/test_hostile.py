import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "hostile"


def test_reports_are_whole_with_every_hostile_module_and_nothing_is_left_behind(tmp_path: Path) -> None:
    """The router's latency is not judged here: other work on the machine changes it too."""
    path = tmp_path / "outcome.json"
    command = [sys.executable, str(TOOL), "--reports", "1", "--kills", "3", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    outcome = json.loads(path.read_text())
    assert outcome["whole"] == outcome["reports"] == 1, done.stderr
    assert outcome["kills"] == 3 and outcome["lost_reports"] == 0
    assert (outcome["leaked_shm"], outcome["zombies"], outcome["processes_left"]) == (0, 0, 0), done.stderr
    assert done.returncode == (0 if outcome["router_p95_ratio"] < 1.10 else 1)
