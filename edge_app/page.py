"""The operator's page in the service: what it is told, and what people may ask for on it."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cad_modules.contract import CATEGORIES
from edge_app.background import Job
from edge_app.errors import EdgeCadError
from edge_app.messages import Event, Health, Opinion, Report, Role, Status, Trigger, uuid7
from edge_app.overrides import Overrider, OverrideRefused, check_override
from edge_app.page_link import Line
from edge_app.page_process import PageProcess
from edge_app.pipeline import Progress
from edge_app.records import Choice, Evidence, Frame
from edge_app.store import Store

FROZEN_LONGEST_S: Final = 600.0
"""A frozen picture is let go by itself after so long: it may have been forgotten."""
FROZEN_AGAIN_S: Final = 1.0
"""How often the frozen picture is handed over, for those who come later."""
BLINKING_S: Final = 4.0
CAPTURE_TEXT: Final = "a picture was asked for on the page"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Frozen:
    """The picture that everybody sees until somebody lets it go."""

    frame: Frame
    since: datetime
    until_s: float
    event_id: str
    by: str


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What the page needs of the service."""

    store: Store
    health: Callable[[], Health]
    """Without the counts of the store, which the page reads itself."""
    progress: Progress
    publish: Callable[[Event], None]
    take: Callable[[Frame, Trigger], None]
    """Has this very frame analysed."""
    choose: Callable[[Choice | None], None]
    """Takes a person's word for what the screen shows, until the view ends; None: the router's again."""
    keep: Callable[[Report, tuple[Evidence, ...]], None]
    submit: Callable[[Job], None]
    """Does something in the thread that runs the modules, behind what waits there; waits while too much does."""
    blink: Callable[[float], bool] | None
    """Blinks the lamp for so many seconds; None: there is no controller."""


class Page:
    """The page's process and what it may ask for.

    Args:
        settings: What the process is told of the configuration.
        status: Who this box is.
        parts: Of the service.
        overrider: Makes reports with a category that a person chose.
    """

    def __init__(self, settings: Line, status: Status, parts: ServiceParts, overrider: Overrider) -> None:
        self._parts, self._overrider, self._device_id = parts, overrider, status.device_id
        self._lock = threading.Lock()
        self._newest: Frame | None = None
        self._frozen: Frozen | None = None
        self._frozen_report_id: str | None = None
        self._frozen_shown_s = 0.0
        hello = {"kind": "hello", **settings, "status": status.model_dump(mode="json", by_alias=True)}
        self.process = PageProcess(hello, self._state, self._act)

    def start(self) -> None:
        """Begin."""
        self.process.start()

    def stop(self) -> None:
        """End the page."""
        self.process.stop()

    def see(self, frame: Frame) -> None:
        """Take notice of a picture; from one thread at a time, best the one that captures."""
        self._newest = frame
        frozen = self._frozen
        if frozen is None:
            self.process.show(frame)
        elif (now := time.monotonic()) > self._frozen_shown_s + FROZEN_AGAIN_S and self.process.show(frozen.frame):
            self._frozen_shown_s = now

    def reported(self, report: Report) -> None:
        """Take notice of a report that was kept."""
        frozen = self._frozen
        if frozen is not None and report.trigger is not None and report.trigger.event_id == frozen.event_id:
            self._frozen_report_id = report.report_id
            self.process.changed()

    def tell(self, event: Event) -> None:
        """Show an event."""
        self.process.tell(event.model_dump(mode="json", by_alias=True))

    def changed(self) -> None:
        """A state is another one."""
        self.process.changed()

    def _state(self) -> Line | None:
        frozen = self._frozen
        if frozen is not None and time.monotonic() > frozen.until_s:
            self._release("by itself, after ten minutes")
            frozen = None
        try:
            health = self._parts.health()
        except EdgeCadError:  # the store cannot be read just now; the next second may tell
            return None
        newest, progress = self._newest, self._parts.progress
        said = progress.classification
        return {
            "at_s": time.monotonic(),
            "health": health.model_dump(mode="json", by_alias=True),
            "analysing": progress.busy_since_s is not None,
            "picture": None
            if newest is None
            else {"width": int(newest.pixels.shape[1]), "height": int(newest.pixels.shape[0])},
            "classification": None if said is None else classification_line(said),
            "frozen": None
            if frozen is None
            else {"since": frozen.since.isoformat(), "report_id": self._frozen_report_id, "by": frozen.by},
        }

    def _act(self, action: Line) -> Line:
        name, by, role = str(action.get("action")), str(action.get("by")), str(action.get("role"))
        with self._lock:
            try:
                match name:
                    case "capture":
                        return self._capture(by, role)
                    case "freeze":
                        return self._freeze(by, role, bool(action["frozen"]))
                    case "override":
                        return self._override(
                            by, role, str(action["report_id"]), str(action["category"]), action["live"]
                        )
                    case "choose":
                        return self._choose(by, role, action["category"])
                    case "opinion":
                        return self._opinion(by, role, action)
                    case "test_message":
                        return self._test_message(by, role)
                    case "test_lamp":
                        return self._test_lamp(by)
                    case "audit":
                        self._parts.store.log("page", dict(action["details"]))
                        return _done("logged")
                    case _:
                        return _refused(f"there is no action {name}")
            except EdgeCadError as error:
                return _refused(str(error))

    def _capture(self, by: str, role: str) -> Line:
        frame = self._newest
        if frame is None or not self._pictures_come():
            return _refused("there is no picture to take: see what the page says of capture and signal")
        event_id = self._take(frame, "capture", "page_capture", CAPTURE_TEXT, by, role)
        return _done("the picture is being analysed", event_id=event_id)

    def _freeze(self, by: str, role: str, wanted: bool) -> Line:
        if not wanted:
            if self._frozen is None:
                return _done("the picture moves already")
            self._parts.store.log("page", {"action": "unfreeze", "account": by})
            self._release("on the page")
            return _done("the picture moves again")
        frame = self._newest
        if self._frozen is not None:
            return _refused("the picture is frozen already")
        if frame is None or not self._pictures_come():
            return _refused("there is no picture to freeze: see what the page says of capture and signal")
        self._frozen_report_id, self._frozen_shown_s = None, 0.0
        event_id = uuid7()
        self._frozen = Frozen(frame, datetime.now(UTC), time.monotonic() + FROZEN_LONGEST_S, event_id, by)
        self._take(frame, "freeze", "page_freeze", "the picture was frozen on the page", by, role, event_id)
        self.process.changed()
        return _done("the picture is frozen and being analysed", event_id=event_id)

    def _release(self, how: str) -> None:
        self._frozen = None
        self._publish("freeze", f"the picture moves again, {how}", {"event": "page_unfreeze"})
        self.process.changed()

    def _take(
        self, frame: Frame, kind: str, name: str, text: str, by: str, role: str, event_id: str | None = None
    ) -> str:
        """Have a frame analysed, and say everywhere who asked for it; returns the id of that event."""
        now_ns = time.monotonic_ns()
        event = self._publish(kind, text, {"event": name, "role": role}, event_id)
        self._parts.store.log("page", {"action": name, "account": by, "event_id": event.event_id})
        trigger = Trigger(
            event=name,
            event_id=event.event_id,
            happened_at=event.at,
            offset_ms=round((frame.captured_ns - now_ns) / 1e6, 3),
            uncertainty_ms=0.0,
        )
        self._parts.take(frame, trigger)
        return event.event_id

    def _override(self, by: str, role: str, report_id: str, category: str, live: bool | None) -> Line:
        report = self._report(report_id)
        check_override(report, category)
        new_id = uuid7()
        details = {"report_id": report_id, "new_report_id": new_id, "category": category}
        previous = report.classification.category or report.classification.decision
        self._parts.store.log("override", {**details, "previous": previous, "account": by})
        text = f"a person says that the picture shows {category}, not {previous}: the report is made again"
        event = self._publish("override", text, {**details, "role": role})
        self._parts.submit(lambda: self._make_again(report, category, as_role(role), new_id))
        if self._is_on_screen(report) if live is None else live:
            self._choose(by, role, category)
        return _done(f"the report is made again as {category}", event_id=event.event_id, report_id=new_id)

    def _is_on_screen(self, report: Report) -> bool:
        """Whether a report is on a picture of the view that is on the screen now."""
        began_at = self._parts.progress.view_began_at
        return began_at is not None and report.frame is not None and report.frame.captured_at >= began_at

    def _choose(self, by: str, role: str, category: str | None) -> Line:
        if category is not None and category not in CATEGORIES:
            return _refused(f"there is no category {category}: one of {', '.join(CATEGORIES)}")
        self._parts.store.log("page", {"action": "choose_category", "category": category or "", "account": by})
        if category is None:
            self._parts.choose(None)
            event = self._publish("override", "the router decides again what the screen shows", {"role": role})
            return _done("the router decides again", event_id=event.event_id)
        self._parts.choose(Choice(category, as_role(role)))
        text = f"a person says that the screen shows {category}, until the view ends"
        event = self._publish("override", text, {"category": category, "role": role})
        return _done(f"until this view ends, it is taken as {category}", event_id=event.event_id)

    def _make_again(self, report: Report, category: str, role: Role, new_id: str) -> None:
        try:
            evidence = self._parts.store.read_evidence(report.report_id)
            made = self._overrider.make(report, evidence, category, role, new_id)
        except EdgeCadError as error:
            logger.warning("report %s is not made again: %s", report.report_id, error)
            details = {"report_id": report.report_id, "new_report_id": new_id}
            self._publish("override_failed", f"a report is not made again: {error}", details)
            return
        self._parts.keep(*made)

    def _opinion(self, by: str, role: str, action: Line) -> Line:
        report = self._report(str(action["report_id"]))
        module, feature, said = str(action["module"]), str(action["feature"]), str(action["opinion"])
        entry = next((entry for entry in report.analyses if entry.module == module), None)
        if entry is None or all(finding.feature != feature for finding in entry.findings):
            return _refused(f"the report has no finding {feature} of {module}")
        opinion_id = uuid7()
        if said == "withdrawn":
            if not self._parts.store.withdraw_opinion(report.report_id, module, feature, by):
                return _refused("there is no opinion of this account to withdraw")
        else:
            opinion = {"opinion_id": opinion_id, "report_id": report.report_id, "module": module, "feature": feature}
            self._parts.store.keep_opinion(
                Opinion.model_validate({**opinion, "opinion": said, "by": by, "at": datetime.now(UTC)})
            )
        details = {"report_id": report.report_id, "module": module, "feature": feature, "opinion": said, "role": role}
        texts = {"agree": "a person agrees with a finding", "disagree": "a person does not agree with a finding"}
        event = self._publish("opinion", texts.get(said, "an opinion on a finding was withdrawn"), details)
        return _done("kept", event_id=event.event_id, report_id=report.report_id)

    def _test_message(self, by: str, role: str) -> Line:
        event = self._publish("test", "a test message was asked for on the page", {"role": role})
        self._parts.store.log("page", {"action": "test_message", "account": by, "event_id": event.event_id})
        broker = self._parts.health().broker
        if broker.state == "connected":
            return _done("the message was handed to the broker", event_id=event.event_id)
        return _refused(f"the message waits: the broker is {broker.state}. {broker.reason}")

    def _test_lamp(self, by: str) -> Line:
        if self._parts.blink is None:
            return _refused("no controller is configured, so there is no lamp: see [serial]")
        self._parts.store.log("page", {"action": "test_lamp", "account": by})
        if not self._parts.blink(BLINKING_S):
            return _refused("the controller does not answer: see the state of the serial link")
        return _done(f"the lamp blinks for {BLINKING_S:.0f} seconds")

    def _report(self, report_id: str) -> Report:
        report = self._parts.store.read(report_id)
        if report is None:
            raise OverrideRefused("there is no such report any more")
        return report

    def _pictures_come(self) -> bool:
        return self._parts.health().capture.state == "running"

    def _publish(
        self, kind: str, text: str, details: Mapping[str, str | int | float | bool], event_id: str | None = None
    ) -> Event:
        event = Event(
            event_id=event_id or uuid7(),
            device_id=self._device_id,
            at=datetime.now(UTC),
            kind=kind,
            text=text,
            details=dict(details),
        )
        self._parts.publish(event)
        return event


def classification_line(said: Any) -> Line:
    """The router's word on the newest picture, in the form of the report."""
    return {
        "decision": said.decision,
        "category": said.category,
        "reason": said.reason,
        "prediction_set": list(said.prediction_set),
        "ood_score": round(said.ood_score, 6),
        "scores": [{"category": s.category, "probability": round(s.probability, 6)} for s in said.scores],
        "head": said.head,
        "chosen_by": said.chosen_by,
        "model": {"name": said.model.name, "version": said.model.version, "sha256": said.model.sha256},
    }


def as_role(text: str) -> Role:
    """The role as the page's process says it."""
    return "technician" if text == "technician" else "operator"


def _done(text: str, event_id: str | None = None, report_id: str | None = None) -> Line:
    return {"done": True, "text": text, "event_id": event_id, "report_id": report_id}


def _refused(text: str) -> Line:
    return {"done": False, "text": text, "event_id": None, "report_id": None}
