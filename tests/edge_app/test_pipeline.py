from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event

import numpy as np
import pytest
from fakes.pictures import FakeRouter, classification, frame, sector
from numpy.typing import NDArray

from cad_modules.contract import CadModule, Finding, Findings
from cad_modules.registry import Registry
from edge_app.background import Background
from edge_app.messages import Report, Trigger, uuid7
from edge_app.pipeline import Pipeline
from edge_app.records import Analysis, Clip, Frame, Picture, Plan
from edge_app.records import Box as Area
from edge_app.views import Candidate, View

MODULE = CadModule("mean", "1.0.0", "mean", ("us_cardiac",), {"mean": "1"}, lambda image, context: Findings())
REGISTRY = Registry((MODULE,))
CLIP_MODULE = CadModule(
    "motion", "1.0.0", "motion", ("us_cardiac",), {"frames": "1"}, lambda frames, context: Findings(), scope="clip"
)
WITH_CLIPS = Registry((MODULE, CLIP_MODULE))
RATE_HZ = 25


class FakeAnalyzer:
    """Measures the picture's mean in this process; remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[Picture] = []
        self.clips: list[Clip | None] = []

    def analyze(self, plan: Plan, picture: Picture) -> tuple[Analysis, ...]:
        self.given.append(picture)
        finding = Finding("mean", float(picture.pixels.mean()), "1")
        return tuple(Analysis(module.name, "1.0.0", "ok", "", 1.0, True, (finding,)) for module in plan.modules)

    def analyze_clip(self, plan: Plan, clip: Clip | None) -> tuple[Analysis, ...]:
        self.clips.append(clip)
        found = () if clip is None else (Finding("frames", len(clip.images), "1"),)
        return tuple(Analysis(module.name, "1.0.0", "ok", "", 1.0, True, found) for module in plan.modules)


class Box:
    """A pipeline with everything around it faked."""

    def __init__(
        self,
        live: bool = False,
        interval_s: float = 1.0,
        answer: str | None = "us_cardiac",
        registry: Registry = REGISTRY,
    ) -> None:
        self.reports: list[Report] = []
        self.router = FakeRouter(answer)
        self.analyzer = FakeAnalyzer()
        self.pipeline = Pipeline("cart-7", self.router, registry, self.analyzer, self.reports.append, interval_s, live)

    def scopes(self) -> list[str]:
        return [report.scope for report in self.reports]


def moving(seconds: float, clip_id: str = "clip", start_s: float = 0.0, seed: int = 0) -> Iterator[Frame]:
    pixels = sector(seed)
    for number in range(round(seconds * RATE_HZ)):
        yield frame(np.roll(pixels, number % 5, axis=0), number, clip_id, start_s + number / RATE_HZ)


def standing(seconds: float, pixels: NDArray[np.uint8], start_s: float = 0.0) -> Iterator[Frame]:
    for number in range(round(seconds * RATE_HZ)):
        yield frame(pixels, number, "live", start_s + number / RATE_HZ)


def test_still_picture_is_reported_once_with_its_modules() -> None:
    box = Box()
    box.pipeline.run([frame(sector())])
    (report,) = box.reports
    assert report.scope == "frame"
    assert report.classification.category == "us_cardiac"
    assert [analysis.module for analysis in report.analyses] == ["mean"]
    assert report.frame is not None and (report.frame.width, report.frame.height) == (320, 240)
    assert set(report.timing_ms) == {"screen", "classify", "analysis"}


def test_unknown_picture_runs_nothing_and_is_reported() -> None:
    box = Box(answer=None)
    box.pipeline.run([frame(sector())])
    (report,) = box.reports
    assert report.classification.decision == "rejected"
    assert report.analyses == ()


def test_blank_still_picture_is_reported_as_refused_without_asking_the_network() -> None:
    box = Box()
    box.pipeline.run([frame(np.zeros((200, 200), np.uint8))])
    (report,) = box.reports
    assert report.classification.decision == "rejected"
    assert "black" in report.classification.reason
    assert box.router.asked == []


def test_clip_gives_one_report_per_interval_and_one_for_the_whole() -> None:
    box = Box(interval_s=1.0)
    box.pipeline.run(moving(3.0))
    assert box.scopes() == ["frame", "frame", "frame", "clip"]
    clip = box.reports[-1]
    assert clip.clip is not None and (clip.clip.frames, clip.clip.analysed) == (75, 3)
    assert clip.classification.reason == "us_cardiac in 75 of 75 frames"
    (finding,) = clip.analyses[0].findings
    assert finding.interval is not None and finding.interval[0] <= finding.value <= finding.interval[1]


def test_every_frame_of_a_clip_is_analysed_with_interval_zero() -> None:
    box = Box(interval_s=0.0)
    box.pipeline.run(moving(0.4))
    assert box.scopes() == ["frame"] * 10 + ["clip"]


def test_a_clip_report_carries_what_clip_modules_say_beside_the_medians_of_the_others() -> None:
    box = Box(registry=WITH_CLIPS)
    box.pipeline.run(moving(3.0))
    assert [entry.module for entry in box.reports[0].analyses] == ["mean"]
    report = box.reports[-1]
    assert [entry.module for entry in report.analyses] == ["motion", "mean"]
    assert report.analyses[0].findings[0].value == 75
    assert set(report.timing_ms) == {"analysis"}
    (clip,) = box.analyzer.clips
    assert clip is not None and np.allclose(np.diff(clip.times_s), 1 / RATE_HZ)
    assert all(image.shape == clip.images[0].shape for image in clip.images)


@pytest.mark.parametrize("answer", ["us_breast", None], ids=str)
def test_nothing_is_kept_of_clips_that_no_clip_module_serves(answer: str | None) -> None:
    box = Box(answer=answer, registry=WITH_CLIPS)
    for item in moving(1.0):
        box.pipeline.process(item)
    assert box.pipeline._view is not None and box.pipeline._view.recorder.clip() is None
    box.pipeline.close_view()
    assert box.analyzer.clips == [] and box.reports[-1].timing_ms == {}


def test_clip_modules_get_what_moved_before_the_picture_was_frozen() -> None:
    box = Box(live=True, registry=WITH_CLIPS)
    box.pipeline.run([*moving(2.0, "live"), *standing(3.0, sector(), start_s=2.0)])
    (clip,) = box.analyzer.clips
    assert clip is not None and len(clip.images) == pytest.approx(2 * RATE_HZ, abs=2)


def test_two_clips_are_two_views() -> None:
    box = Box()
    box.pipeline.run([*moving(0.5, "one"), *moving(0.5, "two", seed=1)])
    assert box.scopes() == ["frame", "clip", "frame", "clip"]


def test_the_sharpest_frame_of_an_interval_is_analysed() -> None:
    box = Box()
    frames = list(moving(0.8))
    blurred = [
        frame((item.pixels // 2 + 40).astype(np.uint8), item.sequence, "clip", item.time_s) if number != 7 else item
        for number, item in enumerate(frames)
    ]
    box.pipeline.run(blurred)
    assert box.reports[0].frame is not None and box.reports[0].frame.sequence == 7


def test_live_picture_that_stands_still_is_reported_once_by_what_the_network_says_of_that_frame() -> None:
    box = Box(live=True)
    box.pipeline.run(standing(3.0, sector()))
    assert box.scopes() == ["frame"]
    assert len(box.router.asked) == 2
    assert box.router.asked[1].frame.sequence == box.analyzer.given[0].frame.sequence > 0


def test_frozen_live_picture_is_reported_in_addition_to_the_clip() -> None:
    box = Box(live=True)
    box.pipeline.run([*moving(0.8, "live"), *standing(1.0, sector(), start_s=0.8)])
    assert box.scopes() == ["frame", "clip"]
    assert box.reports[0].frame is not None


def test_live_cut_closes_the_view() -> None:
    box = Box(live=True)
    other = np.tile(np.linspace(255, 20, 320).astype(np.uint8), (240, 1))
    box.pipeline.run([*moving(0.8, "live"), *standing(1.0, other, start_s=0.8)])
    assert box.scopes() == ["frame", "clip", "frame"]


@pytest.mark.parametrize("pixels", [np.zeros((240, 320), np.uint8), np.full((240, 320), 255, np.uint8)])
def test_live_source_without_picture_yields_no_report(pixels: NDArray[np.uint8]) -> None:
    box = Box(live=True)
    box.pipeline.run(standing(2.0, pixels))
    assert box.reports == []
    assert box.pipeline.progress.state == "blank"


def test_requested_picture_is_analysed_at_once() -> None:
    box = Box(live=True, interval_s=60)
    frames = list(moving(2.0, "live"))
    for item in frames[:20]:
        box.pipeline.process(item)
    box.pipeline.take_picture()
    box.pipeline.process(frames[20])
    (report,) = box.reports
    assert report.frame is not None and report.frame.sequence == 20


def test_last_view_is_reported_when_the_source_fails() -> None:
    def failing() -> Iterator[Frame]:
        yield from moving(0.5)
        raise OSError("unplugged")

    box = Box()
    with pytest.raises(OSError, match="unplugged"):
        box.pipeline.run(failing())
    assert box.scopes() == ["frame", "clip"]


def test_picture_that_an_event_asks_for_is_the_one_reported() -> None:
    box = Box(live=True, interval_s=600)
    frames = list(moving(0.4))
    trigger = Trigger(
        event="freeze_on", event_id=uuid7(), happened_at=datetime.now(UTC), offset_ms=-3.5, uncertainty_ms=0.8
    )
    for number, item in enumerate(frames):
        if number == 5:
            box.pipeline.take(frames[2], trigger)
        box.pipeline.process(item)
    asked = [report for report in box.reports if report.trigger is not None]
    assert [(report.trigger, report.frame and report.frame.sequence) for report in asked] == [(trigger, 2)]
    assert box.pipeline.progress.decision == "accepted"
    box.pipeline.close_view()
    assert len([report for report in box.reports if report.trigger is not None]) == 1


def test_picture_that_is_asked_for_last_is_reported_when_the_view_closes() -> None:
    box = Box(answer=None)
    trigger = Trigger(
        event="exposure_start", event_id=uuid7(), happened_at=datetime.now(UTC), offset_ms=0, uncertainty_ms=0.8
    )
    box.pipeline.take(frame(np.zeros((200, 200), np.uint8), 7), trigger)
    box.pipeline.close_view()
    (report,) = box.reports
    assert report.trigger == trigger and report.classification.decision == "rejected"
    assert box.pipeline.progress.decision == "rejected"


def test_router_goes_on_while_a_module_takes_its_time() -> None:
    box = Box()
    begun, free = Event(), Event()
    slow = box.analyzer
    fast_analyze = slow.analyze

    def analyze(plan: Plan, picture: Picture) -> tuple[Analysis, ...]:
        begun.set()
        assert free.wait(10)
        return fast_analyze(plan, picture)

    slow.analyze = analyze  # type: ignore[method-assign]
    with Background("test") as background:
        pipeline = Pipeline(
            "cart-7", box.router, REGISTRY, slow, box.reports.append, interval_s=0.5, submit=background.submit
        )
        for item in moving(1.2):
            pipeline.process(item)
        assert len(box.router.asked) == 30 and box.reports == []
        assert begun.wait(10) and pipeline.progress.busy_since_s is not None
        free.set()
        pipeline.close_view()
        background.wait()
    assert box.scopes() == ["frame", "frame", "frame", "clip"]
    assert box.reports[-1].clip is not None and box.reports[-1].clip.analysed == 3


def test_operator_is_told_to_keep_scanning_until_the_frames_say_enough() -> None:
    box = Box(live=True)
    advice = []
    for one in moving(3.0, "live"):
        box.pipeline.process(one)
        advice.append(box.pipeline.progress.reason)
    assert advice[15].startswith("keep scanning: us_cardiac in 10 of 10 frames")
    assert advice[-1] == "us_cardiac in 70 of 70 frames"


def test_clip_that_is_too_short_to_vouch_for_a_category_says_keep_scanning() -> None:
    box = Box()
    box.pipeline.run(moving(0.4))
    clip = box.reports[-1]
    assert clip.scope == "clip"
    assert clip.classification.decision == "rejected"
    assert "keep scanning" in clip.classification.reason


def test_other_category_without_a_cut_is_a_new_view() -> None:
    box = Box(live=True, interval_s=10.0)
    for number, one in enumerate(moving(8.0, "live")):
        box.router.answer = "us_cardiac" if number < 100 else "us_lung"
        box.pipeline.process(one)
    box.pipeline.close_view()
    clips = [report for report in box.reports if report.scope == "clip"]
    assert [report.classification.category for report in clips] == ["us_cardiac", "us_lung"]


def test_live_pictures_that_nobody_asked_for_are_skipped_and_counted_while_there_is_no_time() -> None:
    box = Box()
    box.pipeline = Pipeline(
        "cart-7", box.router, REGISTRY, box.analyzer, box.reports.append, 1.0, live=True, offer=lambda job: False
    )
    frames = list(moving(3.0))
    box.pipeline.run(frames[:60])
    assert box.scopes() == ["frame", "clip"], "what is due when a view closes is not skipped"
    assert box.pipeline.progress.skipped == 2
    box.pipeline.take_picture()
    box.pipeline.process(frames[60])
    assert box.scopes()[2:] == ["frame"], "a picture that was asked for is never skipped"


def test_pictures_of_a_file_are_never_skipped() -> None:
    box = Box()
    box.pipeline = Pipeline(
        "cart-7", box.router, REGISTRY, box.analyzer, box.reports.append, 1.0, live=False, offer=lambda job: False
    )
    box.pipeline.run(moving(3.0))
    assert box.scopes() == ["frame", "frame", "frame", "clip"] and box.pipeline.progress.skipped == 0


def test_a_view_that_is_named_begins_with_the_next_picture_and_its_reports_say_so() -> None:
    box = Box(live=True)
    frames = [*moving(3.0)]
    for number, each in enumerate(frames):
        if number == RATE_HZ:
            box.pipeline.name_view("apical_four_chamber")
        if number == 2 * RATE_HZ:
            box.pipeline.name_view(None)
        box.pipeline.process(each)
    box.pipeline.close_view()
    named = [(report.scope, report.view) for report in box.reports]
    assert [view for scope, view in named if scope == "clip"] == [None, "apical_four_chamber", None]
    assert ("frame", "apical_four_chamber") in named
    assert named.index(("clip", None)) < named.index(("frame", "apical_four_chamber"))


def test_a_live_picture_that_is_half_of_one_view_and_half_of_the_next_is_never_analysed() -> None:
    box = Box(live=True, interval_s=0.2)
    before, after = sector(1), sector(2)[::-1].copy()
    torn = np.concatenate((after[:120], before[120:]))
    pictures = [np.roll(before, number % 5, axis=0) for number in range(10)]
    pictures += [torn, *(np.roll(after, number % 5, axis=0) for number in range(10))]
    frames = [frame(pixels, number, "live", number / RATE_HZ) for number, pixels in enumerate(pictures)]
    box.pipeline.run(frames)
    reported = {report.frame.sequence for report in box.reports if report.frame is not None}
    assert reported and 10 not in reported and any(number < 10 for number in reported)
    assert any(number > 10 for number in reported)


def test_a_report_on_a_live_picture_says_how_old_it_is() -> None:
    box = Box(live=True)
    box.pipeline.run(moving(2.0))
    assert all("frame_age" in report.timing_ms for report in box.reports if report.scope == "frame")


def test_the_ood_score_of_a_view_that_changed_without_a_cut_is_the_mean_of_its_frames() -> None:
    view = View(frame(sector(), 0, "live", 0.0), 1.0, live=True)
    for number in range(120):
        pixels = frame(np.roll(sector(), number % 5, axis=0), number, "live", number / RATE_HZ)
        picture = Picture(pixels, "live", "", Area(0, 0, 320, 240))
        found = replace(classification("us_cardiac" if number < 40 else "us_liver"), ood_score=0.99)
        list(view.add(Candidate(picture, found, 1.0), "moving"))
    assert view.has_changed
    assert view.classification().ood_score == pytest.approx(0.99)
