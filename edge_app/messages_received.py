"""What applications publish to the box: receipts and commands."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AwareDatetime, Field, TypeAdapter

from edge_app.message_base import Message, Uuid7, Word


class Receipt(Message):
    """An application says what became of a report; published by it on the box's receipt topic."""

    schema_name: Literal["edge-cad/receipt/1"] = Field(default="edge-cad/receipt/1", alias="schema")
    report_id: Uuid7
    status: Literal["stored", "refused"]
    reason: str = ""
    application: str = ""
    """Who says so."""


class TakePicture(Message):
    """Analyse the picture that is on the screen now."""

    command: Literal["take_picture"]
    command_id: str = Field(min_length=1, max_length=64)


class Replay(Message):
    """Send the reports made after a moment again, with the same report ids."""

    command: Literal["replay"]
    command_id: str = Field(min_length=1, max_length=64)
    after: AwareDatetime


class SetView(Message):
    """Name the view that the following pictures belong to; it begins with the next one."""

    command: Literal["set_view"]
    command_id: str = Field(min_length=1, max_length=64)
    view: Word | None = Field(max_length=64, examples=["apical_four_chamber"])
    """Stands in their reports, so no patient's name; null: none."""


Command: TypeAlias = Annotated[TakePicture | Replay | SetView, Field(discriminator="command")]
"""What an application may ask of the box; published by it on the box's command topic."""

COMMAND: Final[TypeAdapter[TakePicture | Replay | SetView]] = TypeAdapter(Command)
"""Reads and describes a ``Command``."""
