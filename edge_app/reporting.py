"""From records to the report that leaves the box."""

import hashlib
from datetime import UTC, datetime

import numpy as np

from cad_modules.contract import Overlay
from edge_app.clock import clock_now
from edge_app.messages import (
    AnalysisInfo,
    CategoryProbability,
    ClassificationInfo,
    ClipInfo,
    FindingInfo,
    FrameInfo,
    ModelInfo,
    OverlayInfo,
    Report,
    Trigger,
)
from edge_app.records import Analysis, Classification, Frame
from edge_app.views import View


def build_report(
    device_id: str,
    frame: Frame,
    classification: Classification,
    analyses: tuple[Analysis, ...],
    timing_ms: dict[str, float],
    trigger: Trigger | None = None,
    view_name: str | None = None,
) -> Report:
    """The report on one frame."""
    height, width = frame.pixels.shape[:2]
    return Report(
        device_id=device_id,
        created_at=datetime.now(UTC),
        clock=clock_now(),
        scope="frame",
        source=frame.source,
        frame=FrameInfo(
            sequence=frame.sequence,
            captured_at=frame.captured_at,
            width=width,
            height=height,
            sha256=hashlib.sha256(np.ascontiguousarray(frame.pixels).data).hexdigest(),
        ),
        view=view_name,
        trigger=trigger,
        classification=_classification(classification),
        analyses=tuple(_analysis(analysis) for analysis in analyses),
        timing_ms=_rounded(timing_ms),
    )


def build_clip_report(
    device_id: str,
    view: View,
    of_motion: tuple[Analysis, ...],
    timing_ms: dict[str, float],
    view_name: str | None = None,
) -> Report:
    """The report that closes a view.

    Args:
        device_id: Who reports.
        view: Sums up what was found on its frames.
        of_motion: What the modules say that looked at the clip.
        timing_ms: Of those.
        view_name: As an application named it.
    """
    return Report(
        device_id=device_id,
        created_at=datetime.now(UTC),
        clock=clock_now(),
        scope="clip",
        source=view.first.source,
        view=view_name,
        clip=ClipInfo(
            frames=view.frames,
            analysed=view.analysed,
            start=view.first.captured_at,
            duration_s=round(view.duration_s, 3),
        ),
        classification=_classification(view.classification()),
        analyses=tuple(_analysis(analysis) for analysis in (*of_motion, *view.analyses())),
        timing_ms=_rounded(timing_ms),
    )


def _rounded(timing_ms: dict[str, float]) -> dict[str, float]:
    return {stage: round(duration, 3) for stage, duration in timing_ms.items()}


def _classification(classification: Classification) -> ClassificationInfo:
    model = classification.model
    return ClassificationInfo(
        decision=classification.decision,
        category=classification.category,
        reason=classification.reason,
        prediction_set=classification.prediction_set,
        ood_score=round(classification.ood_score, 6),
        scores=tuple(
            CategoryProbability(category=score.category, probability=round(score.probability, 6))
            for score in classification.scores
        ),
        head=classification.head,
        chosen_by=classification.chosen_by,
        model=ModelInfo(name=model.name, version=model.version, sha256=model.sha256),
    )


def _analysis(analysis: Analysis) -> AnalysisInfo:
    return AnalysisInfo(
        module=analysis.module,
        version=analysis.version,
        status=analysis.status,
        reason=analysis.reason,
        duration_ms=round(analysis.duration_ms, 3),
        experimental=analysis.experimental,
        findings=tuple(
            FindingInfo(
                feature=finding.feature,
                value=_significant(finding.value),
                unit=finding.unit,
                interval=finding.interval and (_significant(finding.interval[0]), _significant(finding.interval[1])),
            )
            for finding in analysis.findings
        ),
        overlays=tuple(_overlay(overlay) for overlay in analysis.overlays),
    )


def _overlay(overlay: Overlay) -> OverlayInfo:
    return OverlayInfo(
        kind=overlay.kind,
        label=overlay.label,
        points=tuple((round(x, 1), round(y, 1)) for x, y in overlay.points),
        values=tuple(tuple(round(value, 3) for value in row) for row in overlay.values),
    )


def _significant(value: float) -> float:
    """Six significant digits: more than any module measures, and shorter on the wire."""
    return float(f"{value:.6g}")
