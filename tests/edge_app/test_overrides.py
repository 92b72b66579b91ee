import numpy as np
import pytest
from fakes.reports import make_clip_report, make_report

from cad_modules.contract import CadModule, Findings
from cad_modules.registry import Registry
from edge_app.evidence import PictureEvidence
from edge_app.message_corrections import Amends
from edge_app.messages import AnalysisInfo, Report, uuid7
from edge_app.overrides import Overrider, OverrideRefused, check_override
from edge_app.records import CHOSEN, Analysis, Box, Evidence, Frame, Picture, Plan


def module(name: str, *categories: str, looks_at: str = "picture") -> CadModule:
    def analyze(image: object, context: object) -> Findings:
        raise AssertionError("the analyzer of these tests runs nothing")

    return CadModule(
        name=name,
        version="1.0.0",
        summary="of a test",
        categories=categories,
        features={"mass_area": "mm2"},
        analyze=analyze,  # type: ignore[arg-type]
        looks_at=looks_at,  # type: ignore[arg-type]
    )


REGISTRY = Registry(
    (module("breast_lesion", "us_breast"), module("liver_mass", "us_liver"),
     module("screen_text", "us_breast", "us_liver", looks_at="screen"))
)  # fmt: skip


class RememberingAnalyzer:
    def __init__(self) -> None:
        self.pictures: list[Picture] = []

    def analyze(self, plan: Plan, picture: Picture, *more: object) -> tuple[Analysis, ...]:
        self.pictures.append(picture)
        return tuple(Analysis(one.name, one.version, "ok", "", 1.0, False) for one in plan.modules)


def kept_with(report: Report) -> list[Evidence]:
    assert report.frame is not None
    pixels = np.full((report.frame.height, report.frame.width), 80, np.uint8)
    frame = Frame(pixels, 0, 1, report.frame.captured_at, report.source, mm_per_pixel=0.2)
    picture = Picture(frame, "live", "", Box(100, 50, 800, 600))
    return list(PictureEvidence((), {}, mask_text=False).make(picture, (), ()))


def override(report: Report, evidence: list[Evidence]) -> tuple[Report, RememberingAnalyzer, tuple[Evidence, ...]]:
    analyzer = RememberingAnalyzer()
    made, kept = Overrider(REGISTRY, analyzer).make(report, evidence, "us_liver", "operator", uuid7())
    return made, analyzer, kept


def test_chosen_categorys_modules_run_on_the_kept_picture() -> None:
    report = make_report()
    evidence = kept_with(report)
    made, analyzer, kept = override(report, evidence)
    assert [entry.module for entry in made.analyses] == ["liver_mass", "screen_text"]
    assert made.classification.category == "us_liver" and made.classification.reason == CHOSEN
    assert made.classification.chosen_by == "operator"
    assert made.classification.scores == report.classification.scores
    assert made.amends == Amends(
        report_id=report.report_id, previous_category="us_breast", previous_decision="accepted",
        by_role="operator", reanalysed=True,
    )  # fmt: skip
    (picture,) = analyzer.pictures
    assert picture.frame.mm_per_pixel == 0.2 and picture.area == Box(100, 50, 800, 600)
    assert picture.frame.pixels[300, 300] == 80 and picture.frame.pixels[10, 10] == 0
    assert (made.frame, made.source, made.device_id) == (report.frame, report.source, report.device_id)
    assert made.report_id != report.report_id and list(kept) == evidence
    assert Report.from_json(made.to_json()) == made


def test_what_needs_the_whole_screen_is_taken_over() -> None:
    before = AnalysisInfo(
        module="screen_text", version="0.9", status="ok", duration_ms=2, experimental=False, reason=""
    )
    report = make_report().model_copy(update={"analyses": (before,)})
    made, _, _ = override(report, kept_with(report))
    assert made.analyses[1] == before


@pytest.mark.parametrize("report", [make_report(), make_clip_report()])
def test_without_a_picture_the_entries_stay_whose_modules_serve_the_category(report: Report) -> None:
    screen = report.analyses[0].model_copy(update={"module": "screen_text"})
    made, analyzer, _ = override(report.model_copy(update={"analyses": (*report.analyses, screen)}), [])
    assert analyzer.pictures == []
    assert [entry.module for entry in made.analyses] == ["screen_text"]
    assert made.amends is not None and not made.amends.reanalysed and made.amends.reason
    assert made.scope == report.scope


def test_refused_reports_get_a_category_too() -> None:
    report = make_report(decision="rejected")
    made, _, _ = override(report, kept_with(report))
    assert made.classification.decision == "accepted" and made.topic_category == "us_liver"
    assert made.amends is not None and made.amends.previous_category is None


@pytest.mark.parametrize("category", ["us_breast", "us_kidney", ""])
def test_what_it_is_already_and_what_is_no_category_is_refused(category: str) -> None:
    with pytest.raises(OverrideRefused):
        check_override(make_report(), category)
