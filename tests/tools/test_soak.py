import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "soak"


def test_a_short_run_measures_memory_and_open_files_while_reports_are_made(tmp_path: Path) -> None:
    path = tmp_path / "outcome.json"
    done = subprocess.run(
        [sys.executable, str(TOOL), "--seconds", "8", "--json", str(path)], capture_output=True, text=True, timeout=100
    )
    outcome = json.loads(path.read_text())
    assert outcome["reports"] > 0 and 50 < outcome["rss_start_mb"] < 2000, done.stderr
    assert outcome["open_files_start"] >= 10
    grown_mb = outcome["rss_slope_mb_per_h"] * outcome["seconds"] / 3600
    flat = outcome["rss_slope_mb_per_h"] < 1 or grown_mb < 0.5
    assert done.returncode == (0 if flat and outcome["open_files_end"] <= outcome["open_files_start"] else 1)
