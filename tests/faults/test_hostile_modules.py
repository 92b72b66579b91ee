"""Every module of the zoo between two good ones: the report is whole apart from its entry."""

import os
import time
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from fakes.pictures import frame, sector

from cad_modules.registry import Registry, discover
from edge_app.analysis import Analyzer
from edge_app.records import Analysis, Box, Picture, Plan
from tools.faulting import zoo

GOOD = tuple(EntryPoint(name, f"fakes.hostile_modules:{name.upper()}", "cad_modules") for name in ("mean", "coloured"))
ENTRIES = (*GOOD, *zoo.ENTRIES)
DEADLINE_S = 1.5
NAMES = [entry.name for entry in zoo.ENTRIES]


@pytest.fixture(scope="module")
def registry() -> Registry:
    registry = discover(entry_points=ENTRIES)
    assert not registry.unusable
    return registry


@pytest.fixture
def analyzer() -> Iterator[Analyzer]:
    with Analyzer(deadline_s=DEADLINE_S, entry_points=ENTRIES) as analyzer:
        yield analyzer


def analyze(analyzer: Analyzer, registry: Registry, *names: str) -> tuple[Analysis, ...]:
    pixels = sector()
    picture = Picture(frame(pixels), "still", "", Box(0, 0, pixels.shape[1], pixels.shape[0]))
    modules = tuple(registry.module(name) for name in names)
    entries = analyzer.analyze(Plan(modules, ("us_cardiac",) * len(names)), picture)
    assert [entry.module for entry in entries] == list(names)
    return entries


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_module_costs_only_its_own_entry(name: str, analyzer: Analyzer, registry: Registry) -> None:
    before, hostile, after = analyze(analyzer, registry, "mean", name, "coloured")
    assert hostile.status in zoo.STATUSES[name] and hostile.reason and not hostile.findings
    assert before.status == after.status == "ok"
    again = analyze(analyzer, registry, "mean")[0]
    assert again.findings == before.findings
    assert before.findings[0].value == pytest.approx(float(np.mean(sector())))


def test_what_a_module_forked_is_ended_with_its_group_and_outside_of_it(analyzer: Analyzer, registry: Registry) -> None:
    analyze(analyzer, registry, "mean")  # the fork server and its helpers are there now
    before = _processes()
    assert analyze(analyzer, registry, "forks")[0].status == "failed"
    analyzer.close()
    deadline_s = time.monotonic() + 3
    while left := _processes() - before:
        assert time.monotonic() < deadline_s, f"the module's processes run on: {left}"
        time.sleep(0.02)


def test_memory_is_bounded_long_before_the_machine_has_none_left(analyzer: Analyzer, registry: Registry) -> None:
    (entry,) = analyze(analyzer, registry, "allocates")
    assert "Memory" in entry.reason or "allocate" in entry.reason


def _processes() -> set[int]:
    """Those of this user that are below this process's session or were started by it, by their environment."""
    mine = os.environ["EDGE_CAD_TEST_MARK"].encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mine in (folder / "environ").read_bytes():
                found.add(int(folder.name))
        except OSError:
            continue
    return found


@pytest.fixture(autouse=True, scope="module")
def _mark() -> Iterator[None]:
    """Every process that this one starts inherits the mark, wherever it goes; a fork server from before is ended."""
    from multiprocessing import forkserver

    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    os.environ["EDGE_CAD_TEST_MARK"] = f"zoo-{os.getpid()}-{time.monotonic_ns()}"
    yield
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    del os.environ["EDGE_CAD_TEST_MARK"]
