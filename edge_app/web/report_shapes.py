"""What the page's API takes and gives of reports."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, AwareDatetime, Field

from edge_app.messages import (
    FindingInfo,
    Report,
    Uuid7,
    Word,
)
from edge_app.web.shapes import Shape

Delivery: TypeAlias = Literal["waiting", "sent", "refused"]


class Headline(Shape):
    """A finding in a list."""

    module: Word
    feature: Word
    value: float
    unit: str
    interval: tuple[float, float] | None
    experimental: bool

    @classmethod
    def of(cls, module: str, finding: FindingInfo, experimental: bool) -> "Headline":
        """From the report."""
        return cls(
            module=module,
            feature=finding.feature,
            value=finding.value,
            unit=finding.unit,
            interval=finding.interval,
            experimental=experimental,
        )


class ReportSummary(Shape):
    """A report in a list."""

    report_id: Uuid7
    created_at: AwareDatetime
    time_trusted: bool
    scope: Literal["frame", "clip"]
    source: str
    decision: Literal["accepted", "ambiguous", "rejected"]
    category: Word | None
    prediction_set: tuple[Word, ...]
    probability: float | None
    """Of the most probable category."""
    reason: str
    trigger: Word | None
    amends: Uuid7 | None
    amended_by: tuple[Uuid7, ...]
    delivery: Delivery
    headline: tuple[Headline, ...]
    modules: dict[str, int]
    """How many modules came to each status."""
    has_picture: bool
    agree: int
    disagree: int


class ReportList(Shape):
    """A page of the list, newest first."""

    reports: tuple[ReportSummary, ...]
    next_cursor: str | None
    searched_all: bool
    """False: the search for text stopped after many reports; ``next_cursor`` goes on."""


class KeptBox(Shape):
    """A rectangle in pixels of the frame."""

    x: int
    y: int
    width: int
    height: int


class KeptPicture(Shape):
    """The picture kept with a report, and its place in the frame."""

    url: str
    x: int
    y: int
    width: int
    height: int
    frame_width: int
    frame_height: int
    masked: tuple[KeptBox, ...]
    """Text that was blackened."""


class OpinionInfo(Shape):
    """Whether somebody agrees with a finding."""

    opinion_id: str
    report_id: str
    module: str
    feature: str
    opinion: Literal["agree", "disagree"]
    by: str
    at: AwareDatetime


class ReportView(Shape):
    """One report with all that belongs to it."""

    report: Report
    summary: ReportSummary
    picture: KeptPicture | None
    picture_missing: str
    opinions: tuple[OpinionInfo, ...]
    related: tuple[ReportSummary, ...]


class CategoryCount(Shape):
    """How many reports a category has."""

    category: str
    reports: int


class CategoryList(Shape):
    """The categories of the reports, and all that the router tells apart."""

    categories: tuple[CategoryCount, ...]
    known: tuple[str, ...]


class ServiceSession(Shape):
    """One run of the service."""

    session: str
    started_at: AwareDatetime
    software: str


class ServiceSessions(Shape):
    """Runs of the service, newest first."""

    sessions: tuple[ServiceSession, ...]


class Override(Shape):
    """What the picture shows."""

    category: Word
    live: bool | None = None
    """Whether what the screen shows now is taken for that too, until the view ends; null: if the report is on it."""


class OpinionGiven(Shape):
    """What somebody thinks of a finding."""

    module: Word
    feature: Word
    opinion: Literal["agree", "disagree", "withdrawn"]


class ReplayResult(Shape):
    """Whether a report comes out the same when it is made again."""

    report_id: str
    verdict: Literal["identical", "different", "not_comparable", "not_replayable"]
    reason: str
    differences: tuple[str, ...]
    changed: tuple[str, ...]


def _on_a_calendar(moment: datetime) -> datetime:
    if not 1900 <= moment.year <= 9000:
        raise ValueError("a year from 1900 to 9000 is needed")
    return moment


Moment: TypeAlias = Annotated[AwareDatetime, AfterValidator(_on_a_calendar)]


class ReportFilter(Shape):
    """Which reports."""

    category: str | None = Field(default=None, max_length=64)
    """Last level of the topic: a category, ``ambiguous`` or ``none``."""
    decision: Literal["accepted", "ambiguous", "rejected"] | None = None
    scope: Literal["frame", "clip"] | None = None
    delivery: Delivery | None = None
    since: Moment | None = None
    until: Moment | None = None
    session: Uuid7 | None = None
    """Those made while one run of the service lasted."""
    q: str | None = Field(default=None, max_length=100)
    """Text in its id, source, decision, reason, categories, event, modules, their reasons or features."""


class ReportPage(ReportFilter):
    """Which reports, and how many."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=200)
    """``next_cursor`` of the page before."""
