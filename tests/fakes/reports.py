"""Reports, statuses and healths that could have come from a box."""

from datetime import UTC, datetime, timedelta

from edge_app.messages import (
    AnalysisInfo,
    CaptureHealth,
    CategoryProbability,
    ClassificationInfo,
    ClipInfo,
    FindingInfo,
    FrameInfo,
    Health,
    ModelInfo,
    ModulesHealth,
    OverlayInfo,
    PartState,
    Report,
    Status,
    StoreHealth,
    uuid7,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SESSION = uuid7()
ROUTER = ModelInfo(name="router", version="1.0.0", sha256="ab" * 32)


def make_classification(decision: str = "accepted", category: str = "us_breast") -> ClassificationInfo:
    accepted = decision == "accepted"
    return ClassificationInfo(
        decision=decision,  # type: ignore[arg-type]
        category=category if accepted else None,
        reason="" if accepted else "the picture could be two things",
        prediction_set=() if decision == "rejected" else (category,) if accepted else (category, "us_liver"),
        ood_score=0.03,
        scores=(
            CategoryProbability(category=category, probability=0.75),
            CategoryProbability(category="us_liver", probability=0.25),
        ),
        head="softmax",
        model=ROUTER,
    )


def make_report(
    number: int = 0, device_id: str = "cart-7", decision: str = "accepted", category: str = "us_breast"
) -> Report:
    """A report of a lesion, with an outline and a heatmap; made ``number`` seconds after noon."""
    return Report(
        device_id=device_id,
        created_at=NOON + timedelta(seconds=number),
        scope="frame",
        source="/dev/video0",
        frame=FrameInfo(sequence=number, captured_at=NOON, width=1920, height=1080, sha256="cd" * 32),
        classification=make_classification(decision, category),
        analyses=(
            AnalysisInfo(
                module="breast_lesion",
                version="1.0.0",
                status="ok",
                duration_ms=12.5,
                experimental=True,
                findings=(FindingInfo(feature="lesion_area", value=81.5, unit="mm2", interval=(78.0, 85.0)),),
                overlays=(
                    OverlayInfo(kind="polygon", label="lesion", points=((10.0, 10.0), (60.0, 12.5), (30.0, 50.0))),
                    OverlayInfo(
                        kind="heatmap",
                        label="opacity",
                        points=((0.0, 0.0), (1920.0, 1080.0)),
                        values=((0.0, 0.5), (1.0, 0.25)),
                    ),
                ),
            ),
            AnalysisInfo(
                module="breast_margin",
                version="1.0.0",
                status="unsuitable",
                reason="no lesion is visible",
                duration_ms=1.0,
                experimental=True,
            ),
        ),
        timing_ms={"classify": 4.0, "analyse": 13.5},
    )


def make_clip_report(number: int = 0, device_id: str = "cart-7") -> Report:
    """A report that closes a view."""
    return make_report(number, device_id).model_copy(
        update={
            "report_id": uuid7(),
            "scope": "clip",
            "frame": None,
            "clip": ClipInfo(frames=120, analysed=6, start=NOON, duration_s=4.0),
        }
    )


def make_status(device_id: str = "cart-7") -> Status:
    """The birth of a session."""
    return Status(
        device_id=device_id,
        state="online",
        reason="started",
        session=SESSION,
        started_at=NOON,
        software="edge-cad 0.1.0",
        models=(ROUTER,),
    )


def make_health(device_id: str = "cart-7", signal: str = "live") -> Health:
    """A healthy box."""
    return Health(
        device_id=device_id,
        session=SESSION,
        at=datetime.now(UTC),
        signal=PartState(state=signal),
        capture=CaptureHealth(state="running", frames=100, dropped=1),
        store=StoreHealth(state="ok", reports=3, unsent=1, oldest_unsent_at=NOON),
        link=PartState(state="none"),
        broker=PartState(state="connected"),
        modules=ModulesHealth(state="ok"),
        temperature=51.5,
    )
