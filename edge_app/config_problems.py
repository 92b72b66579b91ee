"""Say what is wrong in a configuration, key by key, and the way out."""

import difflib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from edge_app.messages import DEVICE_ID_PATTERN


def explain(root: type[BaseModel], details: Any, file: str, variables: Mapping[tuple[str, ...], str]) -> str:
    """One problem in one line: where, what is wrong, the way out.

    Args:
        root: The model of the whole configuration.
        details: One entry of ``ValidationError.errors()``.
        file: Named as the place, unless the key came from an environment variable.
        variables: Keys that came from the environment, with the variable's name.
    """
    model, keys, kinds = _follow(root, details["loc"])
    origin = variables.get(tuple(str(key) for key in keys))
    where = f"environment variable {origin}" if origin else f"{file}: {'.'.join(map(str, keys))}"
    kind, value = details["type"], details.get("input")
    if kind == "extra_forbidden":
        return f"{where}: unknown key; " + _suggestion(str(keys[-1]), sorted(model.model_fields) if model else [])
    if kind == "union_tag_not_found":
        return f"{where}: says no kind; choose one of: {', '.join(kinds)}"
    if kind == "union_tag_invalid":
        return f"{where}.kind: {details['ctx']['tag']!r} is unknown; " + _suggestion(details["ctx"]["tag"], kinds)
    if kind in ("model_type", "model_attributes_type"):
        return f"{where}: is a section, not a value: write [{'.'.join(map(str, keys))}] and its keys below"
    if kind == "missing":
        return f"{where}: missing; this kind of section needs it"
    if kind == "value_error":
        return f"{where}: {details['ctx']['error']}"
    if kind == "string_pattern_mismatch" and details["ctx"]["pattern"] == DEVICE_ID_PATTERN:
        return f"{where}: {value!r} is not an id: 1 to 64 letters, digits, '_' or '-'"
    message = details["msg"].replace("Input should", "should", 1)
    shown = "" if "@" in str(value) else f", not {value!r}"  # it may be a URL with a password
    return f"{where}: {message}{shown}{_default_hint(model, keys)}"


def _suggestion(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"


def _default_hint(model: type[BaseModel] | None, keys: tuple[int | str, ...]) -> str:
    field = model.model_fields.get(str(keys[-1])) if model and keys else None
    if field is None or field.is_required() or field.default is None or isinstance(field.default, BaseModel):
        return ""
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    shown = json.dumps(value, default=str)  # written as in TOML
    return f"; the default is {keys[-1]} = {shown}"


def _follow(
    root: type[BaseModel], location: tuple[int | str, ...]
) -> tuple[type[BaseModel] | None, tuple[int | str, ...], list[str]]:
    """The section that an error is in, its keys as they stand in the file (without a union's tag), and the kinds of
    the section that is left to choose."""
    model: type[BaseModel] | None = root
    keys: list[int | str] = []
    kinds: list[str] = []
    rest = list(location)
    while rest:
        key = rest.pop(0)
        keys.append(key)
        field = model.model_fields.get(str(key)) if model else None
        if field is None:
            continue
        choices = {_kind(choice): choice for choice in _models_in(field.annotation)}
        kinds = list(choices) if len(choices) > 1 else []
        if rest:
            model = choices.get(str(rest.pop(0))) if kinds else next(iter(choices.values()), None)
    return model, tuple(keys), kinds


def _kind(model: type[BaseModel]) -> str:
    field = model.model_fields.get("kind")
    return "" if field is None else str(typing.get_args(field.annotation)[0])


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, tuple):
        return [model for part in typing.get_args(annotation) for model in _models_in(part)]
    return []
