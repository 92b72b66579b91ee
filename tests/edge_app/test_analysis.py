import multiprocessing
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from fakes.pictures import frame, sector

from cad_modules.registry import Registry, UnusableModule, discover
from edge_app.analysis import Analyzer
from edge_app.records import Box, Picture, Plan

NAMES = ("ends", "mean", "raises", "sleeps", "undeclared", "unsuitable")
ENTRIES = tuple(EntryPoint(name, f"fakes.hostile_modules:{name.upper()}", "cad_modules") for name in NAMES)


@pytest.fixture
def registry() -> Registry:
    return discover(entry_points=ENTRIES)


@pytest.fixture
def analyzer() -> Iterator[Analyzer]:
    with Analyzer(deadline_s=3.0, entry_points=ENTRIES) as analyzer:
        yield analyzer
    assert not [child for child in multiprocessing.active_children() if child.name == "cad-worker"]


def plan(registry: Registry, *names: str) -> Plan:
    return Plan(tuple(registry.module(name) for name in names), ("us_cardiac",) * len(names))


def picture(area: Box | None = None) -> Picture:
    pixels = sector()
    return Picture(frame(pixels), "still", "", area or Box(0, 0, pixels.shape[1], pixels.shape[0]))


def test_each_module_has_its_entry_in_order_whatever_the_others_do(analyzer: Analyzer, registry: Registry) -> None:
    names = ("raises", "mean", "unsuitable", "undeclared")
    entries = analyzer.analyze(plan(registry, *names), picture())
    assert [entry.module for entry in entries] == list(names)
    assert [entry.status for entry in entries] == ["failed", "ok", "unsuitable", "failed"]
    assert "broken on purpose" in entries[0].reason
    assert entries[1].findings[0].value == pytest.approx(float(sector().mean()))


def test_a_module_that_ends_its_process_costs_only_its_own_entry(analyzer: Analyzer, registry: Registry) -> None:
    entries = analyzer.analyze(plan(registry, "mean", "ends", "mean"), picture())
    assert [entry.status for entry in entries] == ["ok", "failed", "ok"]
    assert "exit code 7" in entries[1].reason


def test_a_module_that_hangs_is_ended_at_its_deadline(registry: Registry) -> None:
    with Analyzer(deadline_s=0.7, entry_points=ENTRIES) as analyzer:
        analyzer.analyze(plan(registry, "mean"), picture())
        entries = analyzer.analyze(plan(registry, "sleeps", "raises"), picture())
    assert [entry.status for entry in entries] == ["timed_out", "failed"]
    assert "0.7 s" in entries[0].reason


def test_overlays_are_in_pixels_of_the_frame(analyzer: Analyzer, registry: Registry) -> None:
    (entry,) = analyzer.analyze(plan(registry, "mean"), picture(Box(30, 20, 100, 50)))
    assert entry.overlays[0].points == ((30.0, 20.0), (130.0, 70.0))
    assert entry.findings[0].value == pytest.approx(float(np.mean(sector()[20:70, 30:130])))


def test_a_missing_bundle_is_reported_as_unavailable_with_its_reason(analyzer: Analyzer, registry: Registry) -> None:
    without_bundle = UnusableModule("mean", "needs the model bundle 'heart'", registry.module("mean"))
    (analysis,) = analyzer.analyze(Plan(unusable=(without_bundle,)), picture())
    assert (analysis.module, analysis.status) == ("mean", "unavailable")
    assert "heart" in analysis.reason


def test_an_empty_plan_starts_nothing(registry: Registry) -> None:
    with Analyzer(entry_points=ENTRIES) as analyzer:
        assert analyzer.analyze(Plan(), picture()) == ()
        assert not [child for child in multiprocessing.active_children() if child.name == "cad-worker"]
