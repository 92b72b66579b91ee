"""The contract with integrators, made from the models: JSON Schema and AsyncAPI."""

import importlib.metadata
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from edge_app.config import Config
from edge_app.messages import (
    COMMAND,
    DEVICE_ID_PATTERN,
    DISCLAIMER,
    ROOT_TOPIC,
    WORD_PATTERN,
    Amendment,
    Event,
    Health,
    Receipt,
    Report,
    Status,
)

JsonSchema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Final = "#/components/schemas/{model}"
QOS: Final = 1

SENT: Final = ("status", "health", "report", "amendment", "event")
"""Levels of the topics that the box publishes; the others it subscribes to."""
RETAINED: Final = ("status", "health")
LEVELS: Final[dict[str, type[BaseModel] | TypeAdapter[Any]]] = {
    "status": Status,
    "health": Health,
    "report": Report,
    "amendment": Amendment,
    "event": Event,
    "command": COMMAND,
    "receipt": Receipt,
}
SUMMARIES: Final = {
    "status": "Whether the box is there. Retained; the offline form is its will.",
    "health": "How the box does. Retained; every 30 s and whenever a state changes.",
    "report": "Everything the box found in one picture or clip. May come again with the same report_id.",
    "amendment": "The clock was set: the true time of the reports of one boot that were not trusted. May come again.",
    "event": "Something that happened.",
    "command": "What an application asks of the box. Never retained.",
    "receipt": "What became of a report at an application. Never retained.",
}


def report_schema() -> JsonSchema:
    """JSON Schema (2020-12) of a report; a reader ignores fields that it does not know."""
    return {"$schema": DIALECT, **_portable(Report.model_json_schema(mode="serialization"), is_open=True)}


def config_schema() -> JsonSchema:
    """JSON Schema (2020-12) of the configuration file."""
    return {"$schema": DIALECT, **_portable(Config.model_json_schema(), is_open=False)}


def asyncapi() -> JsonSchema:
    """The AsyncAPI 3.0 document: every topic, who sends on it, and what.

    Source: AsyncAPI 3.0.0; its MQTT bindings 0.2.0.
    """
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edge-cad",
            "version": importlib.metadata.version("edge-cad"),
            "description": f"Reports of edge-cad over MQTT: {DISCLAIMER}.",
        },
        "defaultContentType": "application/json",
        "channels": {level: _channel(level) for level in LEVELS},
        "operations": {_operation_name(level): _operation(level) for level in LEVELS},
        "components": {"messages": {level: _message(level) for level in LEVELS}, "schemas": _schemas()},
    }


def _channel(level: str) -> JsonSchema:
    parameters = {"device": {"description": f"Id of the box: {DEVICE_ID_PATTERN}"}}
    address = f"{ROOT_TOPIC}/{{device}}/{level}"
    if level == "report":
        address += "/{category}"
        parameters["category"] = {
            "description": "The accepted category; ambiguous if the router was not sure of one; none if it rejected "
            f"the picture: {WORD_PATTERN}"
        }
    return {
        "address": address,
        "description": SUMMARIES[level],
        "parameters": parameters,
        "messages": {level: {"$ref": f"#/components/messages/{level}"}},
    }


def _operation_name(level: str) -> str:
    return f"{'send' if level in SENT else 'receive'}{level.capitalize()}"


def _operation(level: str) -> JsonSchema:
    """As the box does it: what it sends, an application receives."""
    return {
        "action": "send" if level in SENT else "receive",
        "channel": {"$ref": f"#/channels/{level}"},
        "summary": SUMMARIES[level],
        "messages": [{"$ref": f"#/channels/{level}/messages/{level}"}],
        "bindings": {"mqtt": {"qos": QOS, "retain": level in RETAINED, "bindingVersion": "0.2.0"}},
    }


def _message(level: str) -> JsonSchema:
    message: JsonSchema = {
        "name": level,
        "title": level.capitalize(),
        "summary": SUMMARIES[level],
        "contentType": "application/json",
        "payload": {"$ref": REFERENCE.format(model=level.capitalize())},
        "bindings": {
            "mqtt": {"payloadFormatIndicator": 1, "contentType": "application/json", "bindingVersion": "0.2.0"}
        },
    }
    if level in SENT:
        # MQTT 5 user properties; a client of 3.1.1 finds the same in the payload.
        names = ("schema", "report_id") if level == "report" else ("schema",)
        properties = {name: {"type": "string"} for name in names}
        message["headers"] = {"type": "object", "properties": properties}
    return message


def _schemas() -> JsonSchema:
    """Every model, with the parts that they share once."""
    sent = models_json_schema([(LEVELS[level], "serialization") for level in SENT], ref_template=REFERENCE)[1]  # type: ignore[misc]
    receipt = Receipt.model_json_schema(ref_template=REFERENCE)
    command = COMMAND.json_schema(ref_template=REFERENCE)
    received = {**command.pop("$defs"), "Command": command, "Receipt": receipt}
    return {**_portable(sent["$defs"], is_open=True), **_portable(received, is_open=False)}


def _portable(schema: Any, is_open: bool) -> Any:
    """The same schema in words that draft-07 (AsyncAPI's default) and 2020-12 both know.

    Args:
        schema: As pydantic makes it.
        is_open: Allow unknown fields, so that a reader lives with a newer box. What the box reads stays closed.
    """
    if isinstance(schema, list):
        return [_portable(item, is_open) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _portable(value, is_open) for key, value in schema.items()}
    if is_open and result.get("additionalProperties") is False:
        del result["additionalProperties"]
    if isinstance(result.get("discriminator"), dict):  # OpenAPI's form; each alternative's const says the same
        del result["discriminator"]
    if prefix := result.pop("prefixItems", None):  # a pair, such as an interval or a point
        if any(item != prefix[0] for item in prefix) or result["maxItems"] != len(prefix):
            raise ValueError(f"not a tuple of one type: {schema}")
        result["items"] = prefix[0]
    return result
