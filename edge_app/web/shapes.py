"""What the page's API takes and gives, as pydantic models, of which its OpenAPI document is made: what is seen now."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from edge_app.messages import (
    BrokerHealth,
    CaptureHealth,
    ClassificationInfo,
    ControllerHealth,
    Event,
    ModelInfo,
    ModulesHealth,
    PartState,
    StoreHealth,
    Uuid7,
    Word,
)


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


class EventList(Shape):
    """What happened lately, newest first."""

    events: tuple[Event, ...]


class ChosenCategory(Shape):
    """What the screen shows now."""

    category: Word | None
    """Null: the router decides again."""


class Freeze(Shape):
    """Hold the picture, or let it go."""

    frozen: bool


class ActionResult(Shape):
    """What became of something that was asked for."""

    done: bool
    text: str
    event_id: str | None = None
    report_id: str | None = None


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


class Alive(Shape):
    """The page answers."""

    alive: bool = True
