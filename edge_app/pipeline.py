"""The way of one picture, in reading order: screen, router, modules, report."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Event
from typing import Final, Protocol

from cad_modules.contract import CadModule
from cad_modules.registry import Registry
from edge_app import reporting, routing, screen, views
from edge_app.background import Job, run_now
from edge_app.messages import Report, Trigger
from edge_app.motion import Motion
from edge_app.records import Analysis, Change, Choice, Classification, Clip, Evidence, Frame, Picture, Plan
from edge_app.views import Candidate, View

NO_RESULT: Final = ("blank", "no_signal")
"""States of the screen that never yield a finding."""


class Classifies(Protocol):
    """The router, as the pipeline needs it."""

    def classify(self, picture: Picture) -> Classification:
        """What the picture shows."""

    def refuse(self, reason: str) -> Classification:
        """The decision for a picture that is not worth a look."""


class Analyzes(Protocol):
    """The modules' runner, as the pipeline needs it."""

    def analyze(self, plan: Plan, picture: Picture) -> tuple[Analysis, ...]:
        """One entry per module of the plan."""

    def analyze_clip(self, plan: Plan, clip: Clip | None) -> tuple[Analysis, ...]:
        """One entry per module of the plan, of those that look at clips."""


class KeepsEvidence(Protocol):
    """What makes the files that are kept beside a report, as the pipeline needs it."""

    def make(
        self, picture: Picture, modules: tuple[CadModule, ...], analyses: tuple[Analysis, ...]
    ) -> tuple[Evidence, ...]:
        """The files of one report on a frame."""


@dataclass(slots=True)
class Progress:
    """What the pipeline has done so far, for health and summaries."""

    frames: int = 0
    dropped: int = 0
    """Gaps in the sequence of frames: pictures that the source had to drop."""
    reports: int = 0
    skipped: int = 0
    """Pictures that were due but not analysed, because the modules had no time."""
    decision: str = ""
    """Of the last report; empty before the first."""
    reported_s: float = 0.0
    """When that was, on the monotonic clock."""
    busy_since_s: float | None = None
    """Since when a report is made, on the monotonic clock; None: none is."""
    state: str = "starting"
    reason: str = "waiting for the first picture"
    classification: Classification | None = None
    """Of the newest picture that was looked at."""
    view_began_at: datetime | None = None
    """When the first picture of the view was captured that is on the screen; None: none is."""


class Pipeline:
    """Turns frames into reports.

    A still picture is analysed once. Of moving pictures every changed frame is classified; the modules run on the
    best frame of each interval, on a picture that stands still, and on request; a clip report closes each view.

    Args:
        deliver: Takes each report and, of a frame, what ``evidence`` makes; returns when it is safe.
        interval_s: Between two analyses of a moving picture.
        live: True for a source that shows one view after the other: a cut starts a new view. False for files: a clip
            is one view.
        evidence: Makes the files that are kept beside a report; None: nothing is.
        submit: Runs the modules and makes the reports, in order: at once, or in the background, so that the router goes
            on meanwhile.
        offer: As ``submit`` for pictures of a live source that nobody asked for: False, and nothing done, while there
            is more work than time. None: they are submitted like the others.
    """

    def __init__(
        self,
        device_id: str,
        classifier: Classifies,
        registry: Registry,
        analyzer: Analyzes,
        deliver: Callable[..., None],
        interval_s: float = 1.0,
        live: bool = False,
        evidence: KeepsEvidence | None = None,
        submit: Callable[[Job], None] = run_now,
        offer: Callable[[Job], bool] | None = None,
    ) -> None:
        self._device_id = device_id
        self._classifier = classifier
        self._registry = registry
        self._analyzer = analyzer
        self._deliver = deliver
        self._interval_s = interval_s
        self._live = live
        self._evidence = evidence
        self._submit = submit
        self._offer = offer if live else None
        self._clip_categories = routing.clip_categories(registry)
        self._motion = Motion()
        self._screen = screen.ScreenWatch()
        self._view: View | None = None
        self._next_sequence = 0
        self._wanted = Event()
        self._asked: deque[tuple[Frame, Trigger]] = deque()
        self._view_name: str | None = None
        self._named: deque[str | None] = deque()
        self._choices: deque[Choice | None] = deque()
        self._choice: Choice | None = None
        """What a person says that the current view shows."""
        self.progress = Progress()

    def take_picture(self) -> None:
        """Analyse the next frame, whatever it is (callable from any thread)."""
        self._wanted.set()

    def take(self, frame: Frame, trigger: Trigger) -> None:
        """Analyse this very frame with the next one that comes (callable from any thread)."""
        self._asked.append((frame, trigger))

    def name_view(self, name: str | None) -> None:
        """Begin a new view with the next frame; reports say its name until another is given (from any thread)."""
        self._named.append(name)

    def choose_category(self, choice: Choice | None) -> None:
        """Take a person's word for what the screen shows, until the view ends; None: the router's (from any thread)."""
        self._choices.append(choice)

    def run(self, frames: Iterable[Frame]) -> None:
        """Process every frame, then close the last view, also when the source fails."""
        try:
            for frame in frames:
                self.process(frame)
        finally:
            self.close_view()

    def process(self, frame: Frame) -> None:
        """Process one frame, after those that were asked for."""
        self._report_asked()
        while self._named:
            self.close_view()
            self._view_name = self._named.popleft()
        while self._choices:
            self.close_view()
            self._choice = self._choices.popleft()
        started = time.perf_counter()
        change: Change = "cut" if frame.clip_id is None else self._motion.compare(frame)
        picture = screen.look(frame) if frame.clip_id is None else self._screen.look(frame, change)
        timing_ms = {"screen": _since(started)}
        self.progress.dropped += max(0, frame.sequence - self._next_sequence)
        self._next_sequence = frame.sequence + 1
        self.progress.frames += 1
        self.progress.state, self.progress.reason = picture.state, picture.reason
        if frame.clip_id is None:
            self.close_view()
            self._report(Candidate(picture, self._classify(picture, timing_ms), 0.0), timing_ms, None)
        else:
            self._follow(picture, change, timing_ms)

    def _follow(self, picture: Picture, change: Change, timing_ms: dict[str, float]) -> None:
        """Process a frame of a clip or of a live source."""
        frame = picture.frame
        new_view = change == "cut" if self._live else self._view and frame.clip_id != self._view.first.clip_id
        if new_view:
            self.close_view()
        if picture.state in NO_RESULT:
            self.close_view()
            return
        view = self._view = self._view or View(frame, self._interval_s, self._clip_categories, live=self._live)
        self.progress.view_began_at = view.first.captured_at
        if change == "same" and view.last is not None:
            candidate = Candidate(picture, view.last.classification, view.last.sharpness)
        else:
            candidate = Candidate(picture, self._classify(picture, timing_ms), views.sharpness(picture))
        due = list(view.add(candidate, change, self._motion.settled))
        self.progress.reason = view.advice or picture.reason
        wanted = self._wanted.is_set()
        if wanted:
            self._wanted.clear()
            if candidate not in due:
                due.append(candidate)
        for chosen in due:
            frozen = chosen is candidate and change == "same"
            if frozen:
                # The report says what the network says of this very frame, so that it can be made again from it.
                chosen = replace(chosen, classification=self._classify(picture, timing_ms))
            may_skip = not (wanted or frozen)  # nobody asked for it, and the next interval brings another
            self._report(chosen, timing_ms if chosen.picture is picture else {}, view, may_skip=may_skip)
        if self._live and view.has_changed:
            self.close_view()

    def _report_asked(self) -> None:
        while self._asked:
            frame, trigger = self._asked.popleft()
            started = time.perf_counter()
            picture = screen.look(frame)
            timing_ms = {"screen": _since(started)}
            candidate = Candidate(picture, self._classify(picture, timing_ms), 0.0)
            self._report(candidate, timing_ms, self._view, trigger)

    def close_view(self) -> None:
        """Analyse what is still asked for or due of the current view and report on it as a whole, if it moved."""
        self._report_asked()
        self._choice = None
        view, self._view = self._view, None
        self.progress.view_began_at = None
        if view is None:
            return
        for chosen in view.flush():
            self._report(chosen, {}, view)
        if view.is_clip:
            clip, name = view.recorder.clip(), self._view_name
            self._submit(lambda: self._make_clip_report(view, clip, name))

    def _classify(self, picture: Picture, timing_ms: dict[str, float]) -> Classification:
        if picture.state in NO_RESULT:
            return self._classifier.refuse(picture.reason)
        started = time.perf_counter()
        classification = self._classifier.classify(picture)
        if self._choice is not None:
            classification = self._choice.applied_to(classification)
        self.progress.classification = classification
        timing_ms["classify"] = _since(started)
        return classification

    def _report(
        self,
        candidate: Candidate,
        timing_ms: dict[str, float],
        view: View | None,
        trigger: Trigger | None = None,
        may_skip: bool = False,
    ) -> None:
        """Have a picture analysed and reported on; the view remembers what was found."""

        name = self._view_name

        def job() -> None:
            self._make_report(candidate, dict(timing_ms), view, trigger, name)

        if not may_skip or self._offer is None:
            self._submit(job)
        elif not self._offer(job):
            self.progress.skipped += 1
            return
        if view is not None:
            view.chosen += 1

    def _make_report(
        self,
        candidate: Candidate,
        timing_ms: dict[str, float],
        view: View | None,
        trigger: Trigger | None,
        name: str | None,
    ) -> None:
        self.progress.busy_since_s = time.monotonic()
        try:
            started = time.perf_counter()
            plan = routing.choose_modules(candidate.classification, self._registry)
            analyses = self._analyzer.analyze(plan, candidate.picture)
            timing_ms["analysis"] = _since(started)
            frame, found = candidate.picture.frame, candidate.classification
            if self._live:
                timing_ms["frame_age"] = max(0.0, (time.monotonic_ns() - frame.captured_ns) / 1e6)
            report = reporting.build_report(self._device_id, frame, found, analyses, timing_ms, trigger, name)
            if view is not None:
                view.keep(analyses)
            if self._evidence is None:
                self._send(report)
            else:
                self._send(report, self._evidence.make(candidate.picture, plan.modules, analyses))
        finally:
            self.progress.busy_since_s = None

    def _make_clip_report(self, view: View, clip: Clip | None, name: str | None) -> None:
        """Have the clip analysed by the modules that look at motion, and report on the view."""
        self.progress.busy_since_s = time.monotonic()
        try:
            timing_ms: dict[str, float] = {}
            plan = routing.choose_modules(view.classification(), self._registry, scope="clip")
            analyses: tuple[Analysis, ...] = ()
            if plan.modules or plan.unusable:
                started = time.perf_counter()
                analyses = self._analyzer.analyze_clip(plan, clip)
                timing_ms["analysis"] = _since(started)
            self._send(reporting.build_clip_report(self._device_id, view, analyses, timing_ms, name))
        finally:
            self.progress.busy_since_s = None

    def _send(self, report: Report, *evidence: tuple[Evidence, ...]) -> None:
        self._deliver(report, *evidence)
        self.progress.reports += 1
        self.progress.decision, self.progress.reported_s = report.classification.decision, time.monotonic()


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
