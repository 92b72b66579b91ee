"""A person says what the screen shows: the pipeline takes that word until the view ends."""

import numpy as np
from fakes.pictures import FakeRouter, frame, sector

from cad_modules.contract import CadModule, Finding, Findings
from cad_modules.registry import Registry
from edge_app.messages import Report
from edge_app.pipeline import Pipeline
from edge_app.records import CHOSEN, Analysis, Choice, Clip, Frame, Picture, Plan

LIVER = CadModule("mass", "1.0.0", "mass", ("us_liver",), {"mass": "1"}, lambda image, context: Findings())
HEART = CadModule("heart", "1.0.0", "heart", ("us_cardiac",), {"heart": "1"}, lambda image, context: Findings())
RATE_HZ = 25


class Analyzer:
    def analyze(self, plan: Plan, picture: Picture) -> tuple[Analysis, ...]:
        found = (Finding("mass", 1.0, "1"),)
        return tuple(Analysis(module.name, "1.0.0", "ok", "", 1.0, True, found) for module in plan.modules)

    def analyze_clip(self, plan: Plan, clip: Clip | None) -> tuple[Analysis, ...]:
        return self.analyze(plan, None)  # type: ignore[arg-type]


def moving(first: int, count: int, flip: bool = False) -> list[Frame]:
    still = sector(1)[::-1] if flip else sector(1)
    return [
        frame(np.roll(still, number % 7, axis=0).copy(), number, "live", number / RATE_HZ)
        for number in range(first, first + count)
    ]


def make_pipeline(answer: str | None = "us_cardiac") -> tuple[Pipeline, list[Report]]:
    reports: list[Report] = []
    registry = Registry((HEART, LIVER))
    return Pipeline("cart-7", FakeRouter(answer), registry, Analyzer(), reports.append, 0.4, live=True), reports


def categories(reports: list[Report]) -> list[tuple[str | None, str | None]]:
    return [(report.classification.category, report.classification.chosen_by) for report in reports]


def test_chosen_category_holds_for_the_view_and_its_clip_report_and_ends_with_it() -> None:
    pipeline, reports = make_pipeline()
    for one in moving(0, 50):
        pipeline.process(one)
    pipeline.choose_category(Choice("us_liver", "operator"))
    before = len(reports)
    for one in moving(50, 60):
        pipeline.process(one)
    assert set(categories(reports[:before])) == {("us_cardiac", None)}
    after_choice = [report for report in reports[before:] if report.classification.chosen_by]
    assert after_choice and all(entry.module == "mass" for report in after_choice for entry in report.analyses)
    assert pipeline.progress.classification is not None
    assert pipeline.progress.classification.category == "us_liver"
    count = len(reports)
    pipeline.close_view()
    closing = [report for report in reports[count:] if report.scope == "clip"]
    assert categories(closing) == [("us_liver", "operator")] and closing[0].classification.reason == CHOSEN
    count = len(reports)
    for one in moving(110, 50, flip=True):
        pipeline.process(one)
    pipeline.close_view()
    assert set(categories(reports[count:])) == {("us_cardiac", None)}


def test_router_decides_again_when_the_choice_is_taken_back() -> None:
    pipeline, reports = make_pipeline()
    pipeline.process(moving(0, 1)[0])
    pipeline.choose_category(Choice("us_liver", "technician"))
    for one in moving(1, 50):
        pipeline.process(one)
    pipeline.choose_category(None)
    for one in moving(51, 50):
        pipeline.process(one)
    pipeline.close_view()
    clips = [report for report in reports if report.scope == "clip"]
    assert categories(clips) == [("us_liver", "technician"), ("us_cardiac", None)]


def test_what_the_router_refuses_can_be_chosen_too() -> None:
    pipeline, reports = make_pipeline(answer=None)
    pipeline.process(moving(0, 1)[0])
    reports.clear()
    pipeline.choose_category(Choice("us_liver", "operator"))
    for one in moving(1, 50):
        pipeline.process(one)
    pipeline.close_view()
    assert set(categories(reports)) - {(None, None)} == {("us_liver", "operator")}
    assert categories(reports)[-1] == ("us_liver", "operator")
