"""The OpenAPI document, made of the operations and the pydantic models that they read and write."""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from edge_app.web.operations import Operation
from edge_app.web.shapes import Problem

REFERENCE: Final = "#/components/schemas/{model}"
MEANINGS: Final = {
    400: "The request makes no sense",
    401: "Nobody is signed in",
    403: "Who is signed in may not, or the request does not come from the page",
    404: "It is not here",
    409: "It cannot be done as things are",
    413: "The request is too large",
    415: "The request is not JSON",
    421: "The page does not go by that name",
    422: "The request does not have the form that it needs",
    429: "Too many tries: see Retry-After",
    503: "The service or the store does not answer, or too many look",
}


def openapi_document(operations: Iterable[Operation], version: str, cookie: str) -> dict[str, Any]:
    """The document.

    Args:
        operations: What the API does.
        version: Of the software.
        cookie: Name of the session's cookie.
    """
    operations = tuple(operations)
    wanted = {(operation.body, "validation") for operation in operations if operation.body}
    wanted |= {(operation.answer, "serialization") for operation in operations if operation.answer}
    wanted.add((Problem, "serialization"))
    ordered = sorted(wanted, key=lambda pair: (pair[0].__name__, pair[1]))
    references, definitions = models_json_schema(ordered, ref_template=REFERENCE)  # type: ignore[arg-type]
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _entry(operation, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edge-cad page",
            "version": version,
            "description": "What the page beside the patient asks its box. For research use; not for diagnosis.",
        },
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
                "token": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
    }


def _entry(operation: Operation, references: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.handler.__name__,
        "summary": operation.summary,
        "description": (operation.handler.__doc__ or "").strip(),
        "tags": [operation.allowed],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, references),
    }
    if operation.body is not None:
        schema = references[(operation.body, "validation")]
        entry["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if operation.allowed != "anybody":
        entry["security"] = [{"session": [], "token": []} if operation.changes else {"session": []}]
    return entry


def _responses(operation: Operation, references: Any) -> dict[str, Any]:
    success: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        schema = references[(operation.answer, "serialization")]
        success["content"] = {"application/json": {"schema": schema}}
    elif operation.status != 204:
        success["content"] = {operation.media_type: {}}
    codes = {400, 421, *operation.errors}  # a path that leaves the page, and a host that it is not called by
    codes |= {401, 403} if operation.allowed != "anybody" else set()
    codes |= {403} if operation.changes else set()
    codes |= {413, 415, 422} if operation.body is not None else set()
    codes |= {422} if operation.query is not None else set()
    problem = {"application/json": {"schema": references[(Problem, "serialization")]}}
    answers = {str(code): {"description": MEANINGS[code], "content": problem} for code in sorted(codes)}
    return {str(operation.status): success} | answers


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}
        for name, pattern in operation.path_patterns
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    parameters = []
    for name, schema in _inlined(operation.query)["properties"].items():
        described = {"description": schema.pop("description")} if "description" in schema else {}
        parameters.append({"name": name, "in": "query", "required": False, "schema": schema, **described})
    return parameters


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """Parameters are texts: null, which stands for a parameter that is left out, is none of their values."""
    schema = model.model_json_schema()
    for one in schema["properties"].values():
        choices = [choice for choice in one.pop("anyOf", []) if choice.get("type") != "null"]
        if choices:
            one.update(choices[0])
        if one.get("default", 0) is None:
            del one["default"]
        one.pop("title", None)
    return schema
