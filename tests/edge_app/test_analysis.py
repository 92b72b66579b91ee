import multiprocessing
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from fakes.pictures import frame, sector

from cad_modules.registry import Registry, UnusableModule, discover
from edge_app.analysis import Analyzer, Limits
from edge_app.breaker import FAILURES, BreakerChange
from edge_app.records import Box, Clip, Picture, Plan

NAMES = (
    *("coloured", "ends", "mean", "raises", "sleeps", "undeclared", "unsuitable"),
    *("clip_facts", "clip_asks_context", "clip_is_slow", "clip_ends", "clip_sleeps"),
)
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


def test_a_module_is_told_how_much_of_the_picture_area_was_coloured(analyzer: Analyzer, registry: Registry) -> None:
    pixels = np.full((120, 160, 3), 60, np.uint8)
    pixels[40:80, 20:60] = (200, 30, 30)  # a box of colour Doppler on the left half
    for area, expected in ((Box(0, 0, 80, 120), 1 / 6), (Box(80, 0, 80, 120), 0.0)):
        (entry,) = analyzer.analyze(plan(registry, "coloured"), Picture(frame(pixels), "still", "", area))
        assert entry.findings[0].value == pytest.approx(expected, abs=0.02)


def test_a_missing_bundle_is_reported_as_unavailable_with_its_reason(analyzer: Analyzer, registry: Registry) -> None:
    without_bundle = UnusableModule("mean", "needs the model bundle 'heart'", registry.module("mean"))
    (analysis,) = analyzer.analyze(Plan(unusable=(without_bundle,)), picture())
    assert (analysis.module, analysis.status) == ("mean", "unavailable")
    assert "heart" in analysis.reason


def clip(count: int = 5) -> Clip:
    images = tuple(np.full((60, 80), 10 * number, np.uint8) for number in range(count))
    times_s = tuple(number / 25 for number in range(count))
    return Clip(images, times_s, (0.25,) * count, Box(30, 20, 240, 180), reduction=3, mm_per_pixel=0.5)


def test_a_clip_module_gets_every_frame_with_its_time(analyzer: Analyzer, registry: Registry) -> None:
    (entry,) = analyzer.analyze_clip(plan(registry, "clip_facts"), clip())
    assert entry.status == "ok"
    found = {finding.feature: finding.value for finding in entry.findings}
    assert found == {"frames": 5, "seconds": pytest.approx(0.16), "mean": 20, "coloured": 0.25, "width": 40}


def test_overlays_on_a_reduced_clip_are_in_pixels_of_the_frame(analyzer: Analyzer, registry: Registry) -> None:
    (entry,) = analyzer.analyze_clip(plan(registry, "clip_facts"), clip())
    assert entry.overlays[0].points == ((31.0, 21.0), (268.0, 198.0))


def test_a_clip_module_that_asks_the_context_for_a_network_is_told_to_ask_the_frames(
    analyzer: Analyzer, registry: Registry
) -> None:
    (entry,) = analyzer.analyze_clip(plan(registry, "clip_asks_context"), clip())
    assert entry.status == "failed" and "frames[0].infer('heart')" in entry.reason


def test_a_clip_module_that_ends_its_process_costs_only_its_own_entry(analyzer: Analyzer, registry: Registry) -> None:
    entries = analyzer.analyze_clip(plan(registry, "clip_facts", "clip_ends", "clip_facts"), clip())
    assert [entry.status for entry in entries] == ["ok", "failed", "ok"]
    assert analyzer.analyze(plan(registry, "mean"), picture())[0].status == "ok"


def test_the_deadline_of_a_clip_grows_with_its_frames(registry: Registry) -> None:
    with Analyzer(deadline_s=0.5, entry_points=ENTRIES) as analyzer:
        analyzer.analyze(plan(registry, "mean"), picture())
        entries = analyzer.analyze_clip(plan(registry, "clip_is_slow", "clip_sleeps"), clip(25))
    assert [entry.status for entry in entries] == ["ok", "timed_out"]
    assert "within 3 s" in entries[1].reason


def test_of_no_clip_only_the_unusable_modules_have_an_entry(registry: Registry) -> None:
    missing = UnusableModule("clip_facts", "needs the model bundle 'heart'", registry.module("clip_facts"))
    with Analyzer(entry_points=ENTRIES) as analyzer:
        asked = Plan((registry.module("clip_facts"),), ("us_cardiac",), (missing,))
        entries = analyzer.analyze_clip(asked, None)
    assert [(entry.module, entry.status) for entry in entries] == [("clip_facts", "unavailable")]


def test_an_empty_plan_starts_nothing(registry: Registry) -> None:
    with Analyzer(entry_points=ENTRIES) as analyzer:
        assert analyzer.analyze(Plan(), picture()) == ()
        assert not [child for child in multiprocessing.active_children() if child.name == "cad-worker"]


def test_a_module_that_keeps_failing_is_switched_off_told_and_others_run(registry: Registry) -> None:
    changes: list[BreakerChange] = []
    with Analyzer(deadline_s=3.0, entry_points=ENTRIES, on_breaker=changes.append) as analyzer:
        for _ in range(FAILURES):
            assert analyzer.analyze(plan(registry, "raises", "mean"), picture())[0].status == "failed"
        off, mean = analyzer.analyze(plan(registry, "raises", "mean"), picture())
        assert (off.status, mean.status) == ("unavailable", "ok")
        assert "broken on purpose" in off.reason and "tried again in" in off.reason
        assert list(analyzer.unavailable()) == ["raises"]
    assert [(change.module, change.open) for change in changes] == [("raises", True)]


def test_a_picture_that_does_not_suit_a_module_never_switches_it_off(analyzer: Analyzer, registry: Registry) -> None:
    for _ in range(FAILURES + 1):
        assert analyzer.analyze(plan(registry, "unsuitable"), picture())[0].status == "unsuitable"


def test_modules_left_when_a_reports_time_is_up_are_said_and_come_first_the_next_time(registry: Registry) -> None:
    limits = Limits(deadline_s=0.8, report_deadline_s=0.8)
    with Analyzer(entry_points=ENTRIES, limits=limits) as analyzer:
        analyzer.analyze(plan(registry, "mean"), picture())
        entries = analyzer.analyze(plan(registry, "sleeps", "mean", "coloured"), picture())
        assert [entry.status for entry in entries] == ["timed_out", "unavailable", "unavailable"]
        assert "skipped" in entries[1].reason
        entries = analyzer.analyze(plan(registry, "sleeps", "mean", "coloured"), picture())
        assert [entry.status for entry in entries] == ["timed_out", "ok", "ok"]


def test_a_worker_that_is_killed_from_outside_between_reports_costs_one_entry_at_most(registry: Registry) -> None:
    with Analyzer(deadline_s=3.0, entry_points=ENTRIES) as analyzer:
        analyzer.analyze(plan(registry, "mean"), picture())
        (worker,) = [child for child in multiprocessing.active_children() if child.name == "cad-worker"]
        worker.kill()
        worker.join()
        first, *others = analyzer.analyze(plan(registry, "mean", "coloured", "unsuitable"), picture())
        assert [entry.status for entry in others] == ["ok", "unsuitable"]
        assert first.status == "failed"
