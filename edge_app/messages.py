"""What leaves the box over MQTT: the payloads, field by field; what reaches it, and the topics, by their names.

A payload's ``schema`` names its shape and version. Within a version fields are only added, never changed or removed.
"""

from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from edge_app.identifiers import uuid7 as uuid7  # messages need new ids wherever they are made
from edge_app.message_base import DEVICE_ID_PATTERN as DEVICE_ID_PATTERN
from edge_app.message_base import DISCLAIMER as DISCLAIMER
from edge_app.message_base import ROOT_TOPIC as ROOT_TOPIC
from edge_app.message_base import UUID7_PATTERN as UUID7_PATTERN
from edge_app.message_base import WORD_PATTERN as WORD_PATTERN
from edge_app.message_base import DeviceId as DeviceId
from edge_app.message_base import Message as Message
from edge_app.message_base import Milliseconds as Milliseconds
from edge_app.message_base import Point as Point
from edge_app.message_base import Sha256 as Sha256
from edge_app.message_base import UnitFraction as UnitFraction
from edge_app.message_base import Uuid7 as Uuid7
from edge_app.message_base import Word as Word
from edge_app.message_base import device_topic as device_topic
from edge_app.message_base import report_topic as report_topic
from edge_app.message_corrections import Amends as Amends
from edge_app.message_corrections import Opinion as Opinion
from edge_app.message_corrections import Role as Role
from edge_app.messages_received import COMMAND as COMMAND
from edge_app.messages_received import Command as Command
from edge_app.messages_received import Receipt as Receipt
from edge_app.messages_received import Replay as Replay
from edge_app.messages_received import SetView as SetView
from edge_app.messages_received import TakePicture as TakePicture


class FrameInfo(Message):
    """The picture that a report is about."""

    sequence: int = Field(ge=0)
    captured_at: AwareDatetime
    width: int = Field(gt=0)
    """Pixels of the source frame."""
    height: int = Field(gt=0)
    sha256: Sha256
    """Of the frame's pixels, rows from the top, BGR or gray, uint8."""


class ClipInfo(Message):
    """The clip or view that a report is about."""

    frames: int = Field(gt=0)
    """Pictures that the source gave."""
    analysed: int = Field(ge=0)
    """Pictures that the modules were given."""
    start: AwareDatetime
    """When the first picture was captured."""
    duration_s: float = Field(ge=0)


class CategoryProbability(Message):
    """The probability of one category."""

    category: Word
    probability: UnitFraction


class ModelInfo(Message):
    """Which network said it."""

    name: str
    version: str
    sha256: Sha256


class ClassificationInfo(Message):
    """What the router makes of the picture."""

    decision: Literal["accepted", "ambiguous", "rejected"]
    category: Word | None = None
    """The accepted category; null otherwise."""
    reason: str
    prediction_set: tuple[Word, ...]
    """The categories whose modules ran."""
    ood_score: UnitFraction
    """0: like the training pictures; 1: nothing that the router knows."""
    scores: tuple[CategoryProbability, ...]
    """Every category, most probable first."""
    head: Literal["softmax", "svm"]
    model: ModelInfo
    chosen_by: Role | None = None
    """A person with this role chose the category, in place of the router; the scores are still the router's."""

    @model_validator(mode="after")
    def _check_agreement(self) -> "ClassificationInfo":
        probabilities = [score.probability for score in self.scores]
        if probabilities != sorted(probabilities, reverse=True):
            raise ValueError("scores are sorted, most probable first")
        if (self.decision == "accepted") != (self.category is not None):
            raise ValueError(f"decision {self.decision} with category {self.category}")
        return self


class FindingInfo(Message):
    """One measured feature."""

    feature: Word
    value: float
    unit: str = Field(min_length=1)
    """``1`` for a ratio, score or probability."""
    interval: tuple[float, float] | None = None
    """Lower and upper bound in the same unit, if the method gives one."""

    @model_validator(mode="after")
    def _check_interval(self) -> "FindingInfo":
        if self.interval and self.interval[0] > self.interval[1]:
            raise ValueError(f"{self.feature}: interval {self.interval} is upside down")
        return self


class OverlayInfo(Message):
    """Something to draw over the picture, in pixels (x, y) of the source frame."""

    kind: Literal["polygon", "ellipse", "line", "box", "heatmap"]
    """Points: polygon, its corners; ellipse, points on it; line, two ends; box, two opposite corners; heatmap, two
    opposite corners of the area that ``values`` covers."""
    label: str
    points: tuple[Point, ...] = Field(min_length=2)
    values: tuple[tuple[UnitFraction, ...], ...] = ()
    """Rows of a heatmap, from the top; empty for the other kinds."""

    @model_validator(mode="after")
    def _check_values(self) -> "OverlayInfo":
        if (self.kind == "heatmap") != bool(self.values):
            raise ValueError(f"overlay {self.label!r}: a heatmap has values, and no other kind has")
        if len({len(row) for row in self.values}) > 1:
            raise ValueError(f"overlay {self.label!r}: the heatmap's rows differ in length")
        return self


class AnalysisInfo(Message):
    """What one CAD module says."""

    module: Word
    version: str
    status: Literal["ok", "unsuitable", "failed", "timed_out", "unavailable"]
    reason: str = ""
    """Empty for ``ok``; else why, in plain words."""
    duration_ms: Milliseconds
    experimental: bool
    """True: not validated against labels."""
    findings: tuple[FindingInfo, ...] = ()
    overlays: tuple[OverlayInfo, ...] = ()


class Trigger(Message):
    """The event that a picture was taken for."""

    event: Word = Field(examples=["freeze_on", "foot_switch_press", "exposure_start", "page_capture"])
    event_id: Uuid7
    """Of the message about it."""
    happened_at: AwareDatetime
    offset_ms: float
    """The picture's time minus the event's: of all captured pictures this one is the nearest."""
    uncertainty_ms: Milliseconds
    """The event happened at most so much earlier or later."""


class ClockInfo(Message):
    """When a report was made, by clocks that never jump; a box has no battery to keep the time."""

    boot_id: str = Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
    """One start of the machine."""
    monotonic_ns: int = Field(ge=0)
    """Since about that start. Within one boot, reports with a greater value were made later."""
    trusted: bool
    """True: the machine's clock had been set from the network, and ``created_at`` is right. False: an amendment may
    follow."""


class Report(Message):
    """Everything the box found in one picture or clip."""

    schema_name: Literal["edge-cad/report/1"] = Field(default="edge-cad/report/1", alias="schema")
    report_id: Uuid7 = Field(default_factory=uuid7)
    """Stays the same when a report is sent again."""
    device_id: DeviceId
    created_at: AwareDatetime
    """By the machine's clock; see ``clock`` for what that is worth."""
    clock: ClockInfo | None = None
    """Null in reports of versions that did not say."""
    scope: Literal["frame", "clip"]
    source: str
    """As given by the user, without credentials."""
    frame: FrameInfo | None = None
    """For scope ``frame``; else null."""
    clip: ClipInfo | None = None
    """For scope ``clip``; else null."""
    view: Word | None = None
    """As an application named it by the command ``set_view``."""
    trigger: Trigger | None = None
    """The event of the controller, or of a person at the page, that asked for this picture; null where none did."""
    amends: Amends | None = None
    """The report that this one replaces, because a person corrected it; null for what the box found by itself."""
    classification: ClassificationInfo
    analyses: tuple[AnalysisInfo, ...]
    timing_ms: dict[Word, Milliseconds]
    """Time spent, by stage."""
    disclaimer: Literal["for research use; not for diagnosis"] = DISCLAIMER

    @model_validator(mode="after")
    def _check_scope(self) -> "Report":
        if (self.scope == "frame") != (self.frame is not None) or (self.scope == "clip") != (self.clip is not None):
            raise ValueError(f"scope {self.scope} needs {self.scope!r} and only that")
        return self

    @property
    def topic_category(self) -> str:
        """The last level of the report's topic: the accepted category, ``ambiguous``, or ``none`` when rejected.

        An ambiguous report has a level of its own, so that a subscriber to one category gets only what the router was
        sure of; ``report/+`` gets everything.
        """
        decision = self.classification.decision
        return self.classification.category or ("ambiguous" if decision == "ambiguous" else "none")


class Status(Message):
    """Whether the box is there: retained; the online form is its birth, the offline form its will."""

    schema_name: Literal["edge-cad/status/1"] = Field(default="edge-cad/status/1", alias="schema")
    device_id: DeviceId
    state: Literal["online", "offline"]
    reason: str
    session: Uuid7
    """One run of the service."""
    started_at: AwareDatetime
    """When that run began."""
    software: str
    models: tuple[ModelInfo, ...] = ()


class PartState(Message):
    """How one part of the box does."""

    state: Word
    reason: str = ""
    """In plain words, with the way out; empty if all is well."""


class CaptureHealth(PartState):
    """How the picture source does: ``running``, ``stalled``, ``lost``, ``stopped``."""

    frames: int = Field(default=0, ge=0)
    dropped: int = Field(default=0, ge=0)


class StoreHealth(PartState):
    """How the store does: ``ok``; ``full`` or ``failed`` while no report can be kept; ``overdue``; ``damaged``."""

    reports: int = Field(default=0, ge=0)
    unsent: int = Field(default=0, ge=0)
    refused: int = Field(default=0, ge=0)
    """Reports that the broker will not take as they are."""
    oldest_unsent_at: AwareDatetime | None = None


class ModulesHealth(PartState):
    """How the CAD modules do: ``ok``, ``reduced`` while one is switched off because it failed again and again."""

    unavailable: tuple[Word, ...] = ()
    """Modules that are switched off for a while; their entries in reports say until when."""
    skipped: int = Field(default=0, ge=0)
    """Pictures that were due but not analysed, because the modules had no time."""


class ControllerHealth(Message):
    """What is known of the microcontroller."""

    firmware: str
    """Board and version; empty until it was greeted."""
    battery: float | None = None
    """Volts; null where there is none."""
    temperature: float | None = None
    """Degrees Celsius; null where there is no sensor."""
    round_trip_ms: Milliseconds
    """Of commands, smoothed; 0 before the first."""
    events: int = Field(ge=0)
    events_lost: int = Field(ge=0)
    """Known from gaps in their counter."""
    resets: int = Field(ge=0)
    """Times that it began anew while the service ran."""


class BrokerHealth(PartState):
    """A further broker; states as of ``broker``."""

    name: str
    unsent: int = Field(default=0, ge=0)
    """Reports that wait for it."""


class Health(Message):
    """How the box does: retained, every 30 s and whenever a state changes."""

    schema_name: Literal["edge-cad/health/1"] = Field(default="edge-cad/health/1", alias="schema")
    device_id: DeviceId
    session: Uuid7
    at: AwareDatetime
    signal: PartState
    """``live``, ``still``, ``no_signal``, ``blank``, ``frozen``, ``menu``."""
    capture: CaptureHealth
    store: StoreHealth
    link: PartState
    """The serial link to the microcontroller: ``up``, ``down``, ``none``."""
    controller: ControllerHealth | None = None
    """Null where none is configured."""
    broker: PartState
    """The connection to the broker; any other state than ``connected`` is seen on the page only."""
    further_brokers: tuple[BrokerHealth, ...] = ()
    """The other brokers that get every report."""
    modules: ModulesHealth | None = None
    """Null in health of versions that did not say."""
    temperature: float | None = None
    """Degrees Celsius; null where the box has no sensor."""

    def states(self) -> tuple[PartState, ...]:
        """What makes two healths differ: states and reasons, without counters."""
        modules = () if self.modules is None else (self.modules,)
        parts = (self.signal, self.capture, self.store, self.link, self.broker, *self.further_brokers, *modules)
        return tuple(PartState(state=part.state, reason=part.reason) for part in parts)


class Amendment(Message):
    """The clock was set: the true time of every report of this boot that was not trusted.

    It is ``at`` - (``monotonic_ns`` - the report's ``clock.monotonic_ns``).
    """

    schema_name: Literal["edge-cad/amendment/1"] = Field(default="edge-cad/amendment/1", alias="schema")
    device_id: DeviceId
    boot_id: str
    """Of the reports' ``clock``."""
    at: AwareDatetime
    """True wall time at ``monotonic_ns``."""
    monotonic_ns: int = Field(ge=0)


class Event(Message):
    """Something that happened."""

    schema_name: Literal["edge-cad/event/1"] = Field(default="edge-cad/event/1", alias="schema")
    event_id: Uuid7 = Field(default_factory=uuid7)
    device_id: DeviceId
    at: AwareDatetime
    kind: Word = Field(examples=["foot_switch", "freeze", "exposure", "no_picture", "command", "opinion"])
    text: str
    """In plain words, for a person."""
    details: dict[Word, str | int | float | bool] = Field(default_factory=dict)
