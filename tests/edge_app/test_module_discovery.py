import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from cad_modules.registry import discover
from edge_app.module_discovery import discover_apart

GOOD = EntryPoint("mean", "fakes.hostile_modules:MEAN", "cad_modules")


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path


def entry(folder: Path, name: str, code: str) -> EntryPoint:
    (folder / f"vendor_{name}.py").write_text(code)
    return EntryPoint(name, f"vendor_{name}:MODULE", "cad_modules")


def test_the_installed_modules_are_the_same_as_when_they_are_imported_here() -> None:
    apart, here = discover_apart(), discover()
    assert len(apart.modules) > 3
    for one, other in zip(apart.modules, here.modules, strict=True):
        assert (one.name, one.version, one.summary, one.categories) == (
            other.name,
            other.version,
            other.summary,
            other.categories,
        )
        assert one.features == other.features and one.models == other.models and one.experimental == other.experimental
        assert one.scope == other.scope and one.looks_at == other.looks_at
    assert [(entry.name, entry.reason) for entry in apart.unusable] == [
        (entry.name, entry.reason) for entry in here.unusable
    ]


def test_a_module_whose_import_hangs_or_ends_its_process_is_unusable_and_the_others_are_there(vendor: Path) -> None:
    hangs = entry(vendor, "hangs", "import time\nwhile True: time.sleep(60)\n")
    ends = entry(vendor, "ends", "import os\nos._exit(9)\n")
    crashes = entry(vendor, "crashes", "import ctypes\nctypes.string_at(0)\n")
    broken = entry(vendor, "broken", "raise ImportError('no such library')\n")
    registry = discover_apart(entry_points=(hangs, ends, crashes, broken, GOOD), deadline_s=5.0)
    assert [module.name for module in registry.modules] == ["mean"]
    reasons = {entry.name: entry.reason for entry in registry.unusable}
    assert "did not end within 5 s" in reasons["hangs"]
    assert "exit code 9" in reasons["ends"] and "exit code -11" in reasons["crashes"]
    assert "no such library" in reasons["broken"]
    assert not [name for name in sys.modules if name.startswith("vendor_")], "nothing was imported here"


def test_a_listed_module_cannot_be_run_in_this_process() -> None:
    (module,) = discover_apart(entry_points=(GOOD,)).modules
    with pytest.raises(RuntimeError, match="worker process"):
        module.analyze(None, None)  # type: ignore[arg-type]
