import json
import subprocess
import sys
from pathlib import Path

from brokers import MOSQUITTO, need

ROOT = Path(__file__).resolve().parents[2]


def test_a_backlog_drains_at_a_good_part_of_the_bare_rate_in_flat_memory(tmp_path: Path) -> None:
    """A short run; docs/DURABILITY.md has a million."""
    need(MOSQUITTO, "mosquitto")
    result = tmp_path / "result.json"
    command = [sys.executable, str(ROOT / "tools/backlog"), "--rows", "8000", "--json", str(result)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    summary = json.loads(result.read_text())
    assert summary["rows"] >= 8000
    assert summary["rss_growth_mb"] < 20
    assert summary["ratio"] > 0.2  # the machine of a test has other work: the long run's figure is the one that counts
