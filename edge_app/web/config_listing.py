"""The configuration for people: every key with its value, default and meaning."""

from typing import Any

from pydantic import BaseModel

from edge_app.config import Config
from edge_app.web.shapes import ConfigKey, ConfigListing, ConfigSection


def config_listing(config: Config) -> ConfigListing:
    """Every section and key. There are no secrets in a configuration, only paths to them."""
    sections = []
    for name in type(config).model_fields:
        section: BaseModel = getattr(config, name)
        keys = list(_keys(section, ""))
        sections.append(ConfigSection(name=name, meaning=(type(section).__doc__ or "").strip(), keys=tuple(keys)))
    return ConfigListing(sections=tuple(sections))


def _keys(section: BaseModel, prefix: str) -> list[ConfigKey]:
    shown = section.model_dump(mode="json")
    keys: list[ConfigKey] = []
    for name, info in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            keys += _keys(value, f"{prefix}{name}.")
            continue
        default = info.get_default(call_default_factory=True) if not info.is_required() else None
        keys.append(
            ConfigKey(
                key=prefix + name,
                value=shown[name],
                default=_plain(default),
                changed=value != default,
                meaning=" ".join((info.description or "").replace("``", "").split()),
            )
        )
    return keys


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
