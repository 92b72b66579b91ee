import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from brokers import Heard, Mosquitto, Subscriber, wait_for
from fakes.reports import make_clip_report, make_health, make_report, make_status

from edge_app.config import MqttConfig, example_text
from edge_app.messages import Event, Receipt, Report, uuid7
from edge_app.publisher import Publisher
from edge_app.schemas import asyncapi, config_schema, report_schema
from edge_app.store import Store

DOCUMENT = asyncapi()
FORMATS = jsonschema.FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def is_rfc3339(text: object) -> bool:
    """jsonschema checks this format only with one more package."""
    return not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None


def resolve(reference: str) -> Any:
    """What a reference within the document points to."""
    assert reference.startswith("#/")
    found: Any = DOCUMENT
    for part in reference[2:].split("/"):
        found = found[part]
    return found


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def channel_of(topic: str) -> dict[str, Any]:
    """The channel whose address fits a topic."""
    fitting = [
        channel
        for channel in DOCUMENT["channels"].values()
        if re.fullmatch(re.sub(r"\{[a-z]+\}", "[^/]+", channel["address"]), topic)
    ]
    assert len(fitting) == 1, topic
    return fitting[0]  # type: ignore[no-any-return]


def validate(topic: str, body: bytes) -> None:
    """Against the schema that the document gives for the topic, in the dialect that AsyncAPI takes by default."""
    (message,) = channel_of(topic)["messages"].values()
    payload = resolve(message["$ref"])["payload"]
    schema = {**payload, "components": DOCUMENT["components"]}
    jsonschema.Draft7Validator(schema, format_checker=FORMATS).validate(json.loads(body))


def test_what_is_published_follows_the_document(tmp_path: Path, mosquitto: Mosquitto) -> None:
    store = Store(tmp_path / "store.sqlite3")
    publisher = Publisher(MqttConfig(port=mosquitto.port), store, make_status(), make_health)
    reports = [
        make_report(),
        make_report(decision="ambiguous"),
        make_report(decision="rejected"),
        make_clip_report(),
        make_report(category="xr_chest"),
    ]
    event = Event(
        device_id="cart-7", at=datetime.now(UTC), kind="foot_switch", text="pressed", details={"seconds": 0.5, "n": 1}
    )
    with Subscriber(mosquitto.port) as subscriber:
        publisher.start()
        for report in reports:
            store.put(report)
        publisher.publish_event(event)
        wait_for(lambda: len(subscriber.on("report")) == 5 and subscriber.on("event"), "heard")
        publisher.stop()
        wait_for(lambda: len(subscriber.on("status")) == 2, "the end is said")
        heard = list(subscriber.heard)
    store.close()
    assert {message.level for message in heard} == {"status", "health", "report", "event"}
    assert {message.topic.split("/")[-1] for message in heard if message.level == "report"} == {
        "us_breast",
        "ambiguous",
        "none",
        "xr_chest",
    }
    for message in heard:
        validate(message.topic, message.body)
        assert_properties(message)


def assert_properties(message: Heard) -> None:
    declared = resolve(channel_of(message.topic)["messages"][message.level]["$ref"])
    assert message.properties is not None
    assert message.properties.ContentType == declared["contentType"]
    assert [name for name, _ in message.properties.UserProperty] == list(declared["headers"]["properties"])
    assert dict(message.properties.UserProperty)["schema"] == json.loads(message.body)["schema"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("classification", "scores", 0, "probability"), 1.5),
        (("classification", "decision"), "perhaps"),
        (("analyses", 0, "findings", 0, "value"), "81.5"),
        (("analyses", 0, "findings", 0, "interval"), [1.0]),
        (("analyses", 0, "overlays", 0, "points", 0), [1.0, 2.0, 3.0]),
        (("report_id",), "1"),
        (("created_at",), "yesterday"),
        (("disclaimer",), "trust me"),
        (("frame",), {}),
    ],
)
def test_the_document_refuses_a_report_that_is_wrong(path: tuple[str | int, ...], value: object) -> None:
    report = json.loads(make_report().to_json())
    topic = "edge-cad/v1/cart-7/report/us_breast"
    validate(topic, json.dumps(report).encode())
    part = report
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(topic, json.dumps(report).encode())


def test_every_field_of_a_report_is_promised() -> None:
    for key in json.loads(make_report().to_json()):
        report = json.loads(make_report().to_json())
        del report[key]
        with pytest.raises(jsonschema.ValidationError):
            validate("edge-cad/v1/cart-7/report/us_breast", json.dumps(report).encode())


def test_readers_live_with_fields_that_come_later() -> None:
    report = {**json.loads(make_report().to_json()), "dicom": {"study": "1.2.3"}}
    validate("edge-cad/v1/cart-7/report/us_breast", json.dumps(report).encode())
    jsonschema.Draft202012Validator(report_schema()).validate(report)


@pytest.mark.parametrize(
    ("body", "good"),
    [
        ({"command": "take_picture", "command_id": "1"}, True),
        ({"command": "replay", "command_id": "1", "after": "2026-03-01T12:00:00Z"}, True),
        ({"command": "set_view", "command_id": "1", "view": "apical"}, True),
        ({"command": "set_view", "command_id": "1"}, False),
        ({"command": "explode", "command_id": "1"}, False),
        ({"command": "take_picture", "command_id": "1", "dose": 3}, False),
    ],
)
def test_the_document_knows_the_commands(body: dict[str, object], good: bool) -> None:
    if good:
        validate("edge-cad/v1/cart-7/command", json.dumps(body).encode())
    else:
        with pytest.raises(jsonschema.ValidationError):
            validate("edge-cad/v1/cart-7/command", json.dumps(body).encode())


def test_a_receipt_follows_the_document() -> None:
    receipt = Receipt(report_id=uuid7(), status="stored")
    validate("edge-cad/v1/cart-7/receipt", receipt.to_json().encode())


def test_the_document_is_an_asyncapi_3_document() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT["info"]) >= {"title", "version"}
    assert set(DOCUMENT["channels"]) == {"status", "health", "report", "amendment", "event", "command", "receipt"}
    for name, channel in DOCUMENT["channels"].items():
        assert set(re.findall(r"\{([a-z]+)\}", channel["address"])) == set(channel["parameters"]), name
        assert all("description" in parameter for parameter in channel["parameters"].values())
        assert channel["messages"]
    assert len(DOCUMENT["operations"]) == 7
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        assert resolve(channel)["address"].startswith("edge-cad/v1/{device}/")
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])
        assert operation["bindings"]["mqtt"]["qos"] == 1
    for message in DOCUMENT["components"]["messages"].values():
        assert message["payload"]["$ref"].startswith("#/components/schemas/")


def test_the_document_says_who_sends_and_what_is_retained() -> None:
    told = {
        operation["channel"]["$ref"].rpartition("/")[2]: (operation["action"], operation["bindings"]["mqtt"]["retain"])
        for operation in DOCUMENT["operations"].values()
    }
    assert told == {
        "status": ("send", True),
        "health": ("send", True),
        "report": ("send", False),
        "amendment": ("send", False),
        "event": ("send", False),
        "command": ("receive", False),
        "receipt": ("receive", False),
    }


def test_every_reference_of_the_document_resolves() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 20
    for reference in found:
        assert resolve(reference)


def test_the_document_s_schemas_are_schemas_of_both_dialects() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema.Draft7Validator.check_schema(schema)
        jsonschema.Draft202012Validator.check_schema(schema)
        assert "$defs" not in schema, name
    text = json.dumps(DOCUMENT)
    assert "prefixItems" not in text
    assert json.loads(text) == DOCUMENT


def test_the_report_s_own_schema_accepts_a_report() -> None:
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == Report.__name__
    for report in (make_report(), make_clip_report(), make_report(decision="rejected")):
        jsonschema.Draft202012Validator(schema).validate(json.loads(report.to_json()))


def test_the_configuration_s_schema_accepts_the_example() -> None:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    tree = tomllib.loads(example_text())
    validator.validate(tree)
    for wrong in ({"mqtt": {"prot": 1}}, {"mqtt": {"port": 0}}, {"source": {"kind": "video"}}):
        assert not validator.is_valid({**tree, **wrong})
