"""What every payload is made of, and the topics that payloads travel on."""

import re
from typing import Annotated, Final, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

DISCLAIMER: Final = "for research use; not for diagnosis"
ROOT_TOPIC: Final = "edge-cad/v1"
DEVICE_ID_PATTERN: Final = r"^[A-Za-z0-9_-]{1,64}$"
WORD_PATTERN: Final = r"^[a-z][a-z0-9_]{0,63}$"
UUID7_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"

DeviceId: TypeAlias = Annotated[str, Field(pattern=DEVICE_ID_PATTERN)]
Word: TypeAlias = Annotated[str, Field(pattern=WORD_PATTERN)]
Uuid7: TypeAlias = Annotated[str, Field(pattern=UUID7_PATTERN)]
Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
UnitFraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Milliseconds: TypeAlias = Annotated[float, Field(ge=0)]
Point: TypeAlias = tuple[float, float]

MessageType = TypeVar("MessageType", bound="Message")


class Message(BaseModel):
    """Base of every payload and part of one: immutable, no unknown fields, finite numbers only."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        populate_by_name=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,  # a published payload has every field
    )

    def to_json(self) -> str:
        """The payload as it is published."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_json(cls: type[MessageType], payload: str | bytes) -> MessageType:
        """Read a payload.

        Raises:
            pydantic.ValidationError: It does not follow the schema.
        """
        return cls.model_validate_json(payload)


def device_topic(device_id: str, *levels: str) -> str:
    """The topic ``edge-cad/v1/<device>/<level>/...``.

    Raises:
        ValueError: The device id or a level has other characters than letters, digits, ``_`` and ``-``.
    """
    for level in (device_id, *levels):
        if not re.fullmatch(DEVICE_ID_PATTERN.strip("^$"), level):
            raise ValueError(f"{level!r} cannot be part of a topic: 1 to 64 letters, digits, '_' or '-'")
    return "/".join((ROOT_TOPIC, device_id, *levels))


def report_topic(device_id: str, category: str) -> str:
    """Where reports go: a category, ``ambiguous`` or ``none``; see ``Report.topic_category``."""
    return device_topic(device_id, "report", category)
