"""What a person says of a report: another category, or whether a finding is right."""

from typing import Literal, TypeAlias

from pydantic import AwareDatetime, Field

from edge_app.message_base import Message, Uuid7, Word

Role: TypeAlias = Literal["operator", "technician"]
"""What an account of the page may do; payloads name the role, never the person."""


class Amends(Message):
    """A report that replaces another one, because a person said that the picture shows something else."""

    report_id: Uuid7
    """Of the report that is replaced."""
    kind: Literal["category_override"] = "category_override"
    previous_category: Word | None = None
    """What the replaced report accepted; null: nothing."""
    previous_decision: Literal["accepted", "ambiguous", "rejected"]
    by_role: Role
    reanalysed: bool
    """True: the chosen category's modules ran on the kept picture. False: the entries are those of the replaced report
    whose modules serve the chosen category."""
    reason: str = ""
    """Why it was not analysed again; empty if it was."""


class Opinion(Message):
    """Whether a person agrees with a finding; kept in the store with the name of the account."""

    opinion_id: Uuid7
    report_id: Uuid7
    module: Word
    feature: Word
    opinion: Literal["agree", "disagree"]
    by: str = Field(min_length=1, max_length=64)
    """The account's name."""
    at: AwareDatetime
