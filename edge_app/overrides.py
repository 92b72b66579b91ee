"""Make a report again as another category, because a person says that the picture shows that."""

import time
from datetime import UTC, datetime

from cad_modules.contract import CATEGORIES
from cad_modules.registry import Registry
from edge_app import reporting, routing
from edge_app.clock import clock_now
from edge_app.errors import EdgeCadError
from edge_app.evidence import picture_again, read_picture, read_provenance
from edge_app.message_corrections import Role
from edge_app.messages import Amends, AnalysisInfo, Report
from edge_app.pipeline import NO_RESULT, Analyzes
from edge_app.records import CHOSEN, CategoryScore, Choice, Classification, Evidence, ModelIdentity, Picture


class OverrideRefused(EdgeCadError):
    """The category of this report cannot be changed to that one; the text says why."""


def check_override(report: Report, category: str) -> None:
    """See whether it can be done.

    Raises:
        OverrideRefused: It cannot.
    """
    if category not in CATEGORIES:
        raise OverrideRefused(f"there is no category {category}: one of {', '.join(CATEGORIES)}")
    if report.classification.category == category:
        raise OverrideRefused(f"the report says {category} already")


def said_by_router(report: Report) -> Classification:
    """The report's classification as the pipeline has it."""
    said = report.classification
    return Classification(
        decision=said.decision,
        category=said.category,
        reason=said.reason,
        prediction_set=said.prediction_set,
        scores=tuple(CategoryScore(score.category, score.probability) for score in said.scores),
        ood_score=said.ood_score,
        model=ModelIdentity(said.model.name, said.model.version, said.model.sha256),
        head=said.head,
    )


class Overrider:
    """Makes reports with a category that a person chose, in the thread that uses the analyzer.

    Args:
        registry: The CAD modules.
        analyzer: Runs them.
    """

    def __init__(self, registry: Registry, analyzer: Analyzes) -> None:
        self._registry, self._analyzer = registry, analyzer

    def make(
        self, report: Report, evidence: list[Evidence], category: str, role: Role, report_id: str
    ) -> tuple[Report, tuple[Evidence, ...]]:
        """The report that replaces another one, and what is kept with it: the same picture.

        Where a picture was kept, the category's modules run on it. What needs the whole screen is taken over from the
        replaced report, since its text may have been blackened in what was kept. Without a picture, the entries of
        the replaced report stay whose modules serve the category too.

        Args:
            report: The one to replace.
            evidence: What was kept with it.
            category: What the picture shows.
            role: Of who says so.
            report_id: Of the new report.
        """
        classification = Choice(category, role).applied_to(said_by_router(report))
        picture, why_not = _kept_picture(report, evidence)
        timing_ms: dict[str, float] = {}
        if picture is None:
            serving = {module.name for module in self._registry.serving(category)}
            analyses = tuple(entry for entry in report.analyses if entry.module in serving)
        else:
            started = time.perf_counter()
            plan = routing.choose_modules(classification, self._registry)
            found = self._analyzer.analyze(plan, picture)
            timing_ms["analysis"] = round((time.perf_counter() - started) * 1000, 3)
            made = reporting.build_report(report.device_id, picture.frame, classification, found, {})
            analyses = self._with_screen_entries(made.analyses, report)
        amends = Amends(
            report_id=report.report_id,
            previous_category=report.classification.category,
            previous_decision=report.classification.decision,
            by_role=role,
            reanalysed=picture is not None,
            reason=why_not,
        )
        content = report.model_dump() | {
            "report_id": report_id,
            "created_at": datetime.now(UTC),
            "clock": clock_now(),
            "classification": report.classification.model_dump()
            | {
                "decision": "accepted",
                "category": category,
                "reason": CHOSEN,
                "prediction_set": (category,),
                "chosen_by": role,
            },
            "analyses": analyses,
            "timing_ms": timing_ms,
            "amends": amends,
        }
        return Report.model_validate(content), tuple(evidence)

    def _with_screen_entries(self, analyses: tuple[AnalysisInfo, ...], report: Report) -> tuple[AnalysisInfo, ...]:
        screen = {module.name for module in self._registry.modules if module.looks_at == "screen"}
        before = {entry.module: entry for entry in report.analyses if entry.module in screen}
        return tuple(before.get(entry.module, entry) for entry in analyses)


def _kept_picture(report: Report, evidence: list[Evidence]) -> tuple[Picture | None, str]:
    """The picture that was kept with a report, or why there is none."""
    if report.frame is None:
        return None, "it is a report on a clip, of which no pictures are kept"
    provenance = read_provenance(evidence)
    if provenance is None:
        return None, "no picture was kept with it, or it was pruned"
    if provenance.not_kept:
        return None, provenance.not_kept
    if provenance.state in NO_RESULT:
        return None, provenance.reason
    return picture_again(read_picture(evidence, provenance), provenance, report.frame, report.source), ""
