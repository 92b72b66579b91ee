import json
import math
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from fakes.reports import NOON, make_classification, make_clip_report, make_health, make_report, make_status
from pydantic import ValidationError

from edge_app.messages import (
    COMMAND,
    UUID7_PATTERN,
    Event,
    FindingInfo,
    Health,
    OverlayInfo,
    PartState,
    Report,
    SetView,
    device_topic,
    report_topic,
)


def test_a_report_has_the_agreed_form() -> None:
    """The contract with integrators, key by key; a change here is a change for everybody who subscribes."""
    report = json.loads(make_report(7).to_json())
    assert re.fullmatch(UUID7_PATTERN, report.pop("report_id"))
    assert report == {
        "schema": "edge-cad/report/1",
        "device_id": "cart-7",
        "created_at": "2026-03-01T12:00:07Z",
        "clock": None,
        "scope": "frame",
        "source": "/dev/video0",
        "frame": {
            "sequence": 7,
            "captured_at": "2026-03-01T12:00:00Z",
            "width": 1920,
            "height": 1080,
            "sha256": "cd" * 32,
        },
        "clip": None,
        "view": None,
        "trigger": None,
        "amends": None,
        "classification": {
            "decision": "accepted",
            "category": "us_breast",
            "reason": "",
            "prediction_set": ["us_breast"],
            "ood_score": 0.03,
            "scores": [
                {"category": "us_breast", "probability": 0.75},
                {"category": "us_liver", "probability": 0.25},
            ],
            "head": "softmax",
            "model": {"name": "router", "version": "1.0.0", "sha256": "ab" * 32},
            "chosen_by": None,
        },
        "analyses": [
            {
                "module": "breast_lesion",
                "version": "1.0.0",
                "status": "ok",
                "reason": "",
                "duration_ms": 12.5,
                "experimental": True,
                "findings": [{"feature": "lesion_area", "value": 81.5, "unit": "mm2", "interval": [78.0, 85.0]}],
                "overlays": [
                    {
                        "kind": "polygon",
                        "label": "lesion",
                        "points": [[10.0, 10.0], [60.0, 12.5], [30.0, 50.0]],
                        "values": [],
                    },
                    {
                        "kind": "heatmap",
                        "label": "opacity",
                        "points": [[0.0, 0.0], [1920.0, 1080.0]],
                        "values": [[0.0, 0.5], [1.0, 0.25]],
                    },
                ],
            },
            {
                "module": "breast_margin",
                "version": "1.0.0",
                "status": "unsuitable",
                "reason": "no lesion is visible",
                "duration_ms": 1.0,
                "experimental": True,
                "findings": [],
                "overlays": [],
            },
        ],
        "timing_ms": {"classify": 4.0, "analyse": 13.5},
        "disclaimer": "for research use; not for diagnosis",
    }


@pytest.mark.parametrize("report", [make_report(), make_clip_report(), make_report(decision="rejected")])
def test_a_report_is_read_as_it_was_written(report: Report) -> None:
    assert Report.from_json(report.to_json()) == report


def changed(report: Report, **changes: Any) -> dict[str, Any]:
    return {**json.loads(report.to_json()), **changes}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"patient": "Jane"}, "Extra inputs are not permitted"),
        ({"schema": "edge-cad/report/2"}, "edge-cad/report/1"),
        ({"report_id": str(uuid.uuid4())}, "pattern"),
        ({"device_id": "cart 7"}, "pattern"),
        ({"created_at": "2026-03-01T12:00:00"}, "timezone"),
        ({"scope": "clip"}, "scope clip needs"),
        ({"clip": {"frames": 1, "analysed": 1, "start": "2026-03-01T12:00:00Z", "duration_s": 0}}, "scope frame needs"),
        ({"disclaimer": "trust me"}, "for research use"),
        ({"timing_ms": {"classify": -1}}, "greater than or equal to 0"),
    ],
)
def test_a_report_of_another_form_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Report.model_validate(changed(make_report(), **changes))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(number: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        FindingInfo(feature="lesion_area", value=number, unit="mm2")
    with pytest.raises(ValidationError, match="finite"):
        FindingInfo(feature="lesion_area", value=1, unit="mm2", interval=(0, number))
    with pytest.raises(ValidationError, match="finite"):
        OverlayInfo(kind="line", label="head", points=((0, 0), (number, 1)))


def test_a_report_with_nan_in_its_json_is_refused() -> None:
    with pytest.raises(ValidationError):
        Report.from_json(make_report().to_json().replace("81.5", "NaN"))


def test_scores_are_sorted_and_the_category_agrees_with_the_decision() -> None:
    accepted = json.loads(make_classification().to_json())
    with pytest.raises(ValidationError, match="most probable first"):
        type(make_classification()).model_validate({**accepted, "scores": accepted["scores"][::-1]})
    with pytest.raises(ValidationError, match="decision accepted with category None"):
        type(make_classification()).model_validate({**accepted, "category": None})
    with pytest.raises(ValidationError, match="decision rejected with category us_breast"):
        type(make_classification()).model_validate({**accepted, "decision": "rejected"})


def test_an_interval_is_the_right_way_up() -> None:
    with pytest.raises(ValidationError, match="upside down"):
        FindingInfo(feature="lesion_area", value=1, unit="mm2", interval=(2, 1))


def test_a_heatmap_has_values_and_no_other_overlay_has() -> None:
    corners = ((0.0, 0.0), (1.0, 1.0))
    with pytest.raises(ValidationError, match="a heatmap has values"):
        OverlayInfo(kind="heatmap", label="opacity", points=corners)
    with pytest.raises(ValidationError, match="a heatmap has values"):
        OverlayInfo(kind="box", label="opacity", points=corners, values=((0.5,),))
    with pytest.raises(ValidationError, match="differ in length"):
        OverlayInfo(kind="heatmap", label="opacity", points=corners, values=((0.5,), (0.5, 0.5)))
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        OverlayInfo(kind="heatmap", label="opacity", points=corners, values=((1.5,),))


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_status().state = "offline"


@pytest.mark.parametrize(
    ("decision", "level"), [("accepted", "us_breast"), ("ambiguous", "ambiguous"), ("rejected", "none")]
)
def test_the_topic_of_a_report_follows_the_decision(decision: str, level: str) -> None:
    report = make_report(decision=decision)
    assert report_topic(report.device_id, report.topic_category) == f"edge-cad/v1/cart-7/report/{level}"


@pytest.mark.parametrize("level", ["", "a/b", "+", "#", "cart 7", "cart\n", "x" * 65, "ä"])
def test_a_topic_cannot_be_broken_out_of(level: str) -> None:
    with pytest.raises(ValueError, match="cannot be part of a topic"):
        device_topic(level, "status")
    with pytest.raises(ValueError, match="cannot be part of a topic"):
        report_topic("cart-7", level)


def test_healths_differ_by_states_and_reasons_only() -> None:
    health = make_health()
    later = health.model_copy(update={"at": datetime.now(UTC), "temperature": 80.0})
    assert health.states() == later.states()
    assert health.states() != make_health(signal="no_signal").states()
    reasoned = health.model_copy(update={"broker": PartState(state="connected", reason="slow")})
    assert health.states() != reasoned.states()
    assert Health.from_json(health.to_json()) == health


def test_an_event_tells_what_happened_with_details() -> None:
    event = Event(device_id="cart-7", at=NOON, kind="exposure", text="exposed", details={"kv": 70, "auto": True})
    assert Event.from_json(event.to_json()) == event
    with pytest.raises(ValidationError):
        Event(device_id="cart-7", at=NOON, kind="Foot switch!", text="")


def test_a_command_is_one_of_three() -> None:
    command = COMMAND.validate_json('{"command": "set_view", "command_id": "1", "view": "apical"}')
    assert command == SetView(command="set_view", command_id="1", view="apical")
    with pytest.raises(ValidationError):
        COMMAND.validate_json('{"command": "set_view", "command_id": "1"}')
