"""What the page's API takes and gives, as pydantic models; its OpenAPI document is made of these."""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from edge_app.messages import (
    BrokerHealth,
    CaptureHealth,
    ClassificationInfo,
    ControllerHealth,
    Event,
    FindingInfo,
    ModelInfo,
    ModulesHealth,
    PartState,
    Report,
    Role,
    StoreHealth,
    Uuid7,
    Word,
)

AccountName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,31}$")]
Password: TypeAlias = Annotated[str, Field(min_length=10, max_length=200)]
GivenPassword: TypeAlias = Annotated[str, Field(max_length=200)]
"""As somebody typed it; what is too short is wrong, not malformed."""
Delivery: TypeAlias = Literal["waiting", "sent", "refused"]


class Shape(BaseModel):
    """Base of all: no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Nothing(Shape):
    """A request that says nothing more."""


class Problem(Shape):
    """Every error."""

    error: str
    text: str
    """In plain words, with the way out."""
    details: dict[str, Any] = Field(default_factory=dict)


class AccountInfo(Shape):
    """Who is signed in."""

    name: str
    role: Role


class SessionInfo(Shape):
    """Whether somebody is signed in, and who."""

    setup_needed: bool
    account: AccountInfo | None
    csrf_token: str | None
    expires_at: AwareDatetime | None
    device_id: str
    software: str
    disclaimer: str


class Setup(Shape):
    """The first account."""

    code: str = Field(max_length=32)
    name: AccountName
    password: Password


class Login(Shape):
    """Somebody signs in."""

    name: str = Field(max_length=64)
    password: GivenPassword


class PasswordChange(Shape):
    """Somebody changes the own password."""

    old_password: GivenPassword
    new_password: Password


class Size(Shape):
    """Of a picture, in pixels."""

    width: int
    height: int


class FrozenInfo(Shape):
    """The picture that is held."""

    since: AwareDatetime
    report_id: Uuid7 | None
    by: str


class Disk(Shape):
    """Where the store is."""

    free_bytes: int
    total_bytes: int


class LiveState(Shape):
    """How everything is now."""

    at: AwareDatetime
    device_id: str
    session: str
    software: str
    started_at: AwareDatetime
    service: PartState
    """``starting``, ``running``, ``silent`` or ``ended``."""
    capture: CaptureHealth
    signal: PartState
    store: StoreHealth
    link: PartState
    controller: ControllerHealth | None
    broker: PartState
    further_brokers: tuple[BrokerHealth, ...]
    modules: ModulesHealth | None
    temperature: float | None
    clock_trusted: bool
    frames_per_second: float
    analysing: bool
    picture: Size | None
    classification: ClassificationInfo | None
    """Of the newest picture; null while there is nothing to look at."""
    frozen: FrozenInfo | None
    viewers: int
    disk: Disk | None


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


class EventList(Shape):
    """What happened lately, newest first."""

    events: tuple[Event, ...]


class Freeze(Shape):
    """Hold the picture, or let it go."""

    frozen: bool


class Override(Shape):
    """What the picture shows."""

    category: Word


class OpinionGiven(Shape):
    """What somebody thinks of a finding."""

    module: Word
    feature: Word
    opinion: Literal["agree", "disagree", "withdrawn"]


class ActionResult(Shape):
    """What became of something that was asked for."""

    done: bool
    text: str
    event_id: str | None = None
    report_id: str | None = None


class ReplayResult(Shape):
    """Whether a report comes out the same when it is made again."""

    report_id: str
    verdict: Literal["identical", "different", "not_comparable", "not_replayable"]
    reason: str
    differences: tuple[str, ...]
    changed: tuple[str, ...]


class PageHealth(Shape):
    """Of the page's own process."""

    viewers: int
    streams: int
    uptime_s: float


class HealthInfo(Shape):
    """How everything is, with models."""

    live: LiveState
    models: tuple[ModelInfo, ...]
    store_bytes: int
    page: PageHealth


class Sample(Shape):
    """Figures of one moment; null: not known."""

    at: AwareDatetime
    frames_per_second: float | None
    latency_ms: float | None
    """From capture to report, of the newest report since the sample before."""
    unsent: int | None
    temperature: float | None


class HealthHistory(Shape):
    """Figures of the last hours, oldest first."""

    interval_s: float
    samples: tuple[Sample, ...]


class ConfigKey(Shape):
    """One key of the configuration."""

    key: str
    value: Any
    default: Any
    changed: bool
    meaning: str


class ConfigSection(Shape):
    """One section of the configuration."""

    name: str
    meaning: str
    keys: tuple[ConfigKey, ...]


class ConfigListing(Shape):
    """The configuration as it is."""

    sections: tuple[ConfigSection, ...]


class Account(Shape):
    """Somebody who may use the page."""

    name: str
    role: Role
    created_at: AwareDatetime
    last_login_at: AwareDatetime | None


class AccountList(Shape):
    """Everybody who may use the page."""

    accounts: tuple[Account, ...]


class NewAccount(Shape):
    """An account to make."""

    name: AccountName
    password: Password
    role: Role


class AccountChange(Shape):
    """What of an account is to be another."""

    role: Role | None = None
    password: Password | None = None


class Alive(Shape):
    """The page answers."""

    alive: bool = True


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
