"""Run a plan's CAD modules on a picture, in a worker process that may hang or die."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import cv2
import numpy as np

from cad_modules.contract import CadModule, Finding, Findings, Image, ModuleContractError, Overlay
from edge_app.breaker import BreakerChange, Breakers
from edge_app.clips import colour_fraction
from edge_app.records import Analysis, Clip, Picture, Plan
from edge_app.worker import Job
from edge_app.worker_process import WorkerLost, WorkerProcess, WorkerSilent

log = logging.getLogger(__name__)

CLIP_FRAME_DEADLINE_S: Final = 0.1
"""A module that looks at a clip may take so much longer for each of its frames: a network may run on every one."""
MEMORY_BYTES: Final = 1000 * 2**20
"""Every built-in module together took 62 MiB on a 1080p picture and a clip of 64 frames (x86-64, 2026-11-24)."""
REPORT_DEADLINE_S: Final = 30.0

Status: TypeAlias = Literal["ok", "unsuitable", "failed", "timed_out", "unavailable"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What modules may take."""

    deadline_s: float = 5.0
    """Each; the first run of a learned one imports it and loads its network within it."""
    report_deadline_s: float = REPORT_DEADLINE_S
    """All modules of a report; those that are left then are skipped, and come first the next time."""
    memory_bytes: int = MEMORY_BYTES
    """Of the process that they run in, beyond what it needs by itself."""


class Analyzer:
    """Runs CAD modules in one long-lived worker process; close it, or use it as a context manager.

    A module that overruns the deadline is ended with the worker and reported ``timed_out``, one that ends the worker
    is reported ``failed``; the plan's other modules run in a fresh worker. One that fails again and again is
    ``unavailable`` for a while (``Breakers``). Not for several threads at a time, but for ``unavailable``.

    Args:
        bundle_folders: Where model bundles are looked for before the built-in ones.
        deadline_s: For each module.
        entry_points: The modules, as for ``registry.discover``; None: those that are installed.
        limits: Instead of ``deadline_s``: every limit.
        on_breaker: Told when a module is switched off for a while, and when it works again.
    """

    def __init__(
        self,
        bundle_folders: tuple[Path, ...] = (),
        deadline_s: float = 5.0,
        entry_points: tuple[EntryPoint, ...] | None = None,
        limits: Limits | None = None,
        on_breaker: Callable[[BreakerChange], None] = lambda change: None,
    ) -> None:
        self._bundle_folders = bundle_folders
        self._entry_points = entry_points
        self._limits = limits or Limits(deadline_s)
        self._breakers = Breakers(on_breaker)
        self._worker: WorkerProcess | None = None
        self._skipped: set[str] = set()
        self._said: tuple[str, ...] = ()

    def __enter__(self) -> "Analyzer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the worker now instead of at the first picture.

        Raises:
            WorkerLost: It does not start.
        """
        if self._worker is None:
            self._worker = WorkerProcess(self._bundle_folders, self._entry_points, self._limits.memory_bytes)
            if self._worker.not_confined != self._said:
                self._said = self._worker.not_confined
                log.warning("%s", "; ".join(self._said))

    def analyze(self, plan: Plan, picture: Picture) -> tuple[Analysis, ...]:
        """Run every module of the plan; always one entry per module, in the plan's order.

        Modules that would serve the plan's categories but cannot be used here follow as ``unavailable``.
        """
        pixels = picture.frame.pixels
        gray = pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
        height, width = gray.shape
        coloured = (colour_fraction(picture.pixels),)
        job = Job((), (), height, width, picture.area, picture.frame.mm_per_pixel, colour_fractions=coloured)
        return self._analyze(plan, job, (gray,), self._limits.deadline_s)

    def analyze_clip(self, plan: Plan, clip: Clip | None) -> tuple[Analysis, ...]:
        """Run every module of a plan for clips; as ``analyze``, with a longer deadline.

        Args:
            plan: Of modules that look at clips.
            clip: None: no frame was kept, and only unusable modules have an entry.
        """
        if clip is None:
            return self._unusable(plan)
        height, width = clip.images[0].shape
        job = Job(
            (), (), height, width, clip.area, clip.mm_per_pixel, clip.times_s, clip.colour_fractions, clip.reduction
        )
        longer_s = CLIP_FRAME_DEADLINE_S * len(clip.images)
        return self._analyze(plan, job, clip.images, self._limits.deadline_s + longer_s)

    def unavailable(self) -> dict[str, str]:
        """The modules that are switched off for a while, with the reason; from any thread."""
        return self._breakers.open_now()

    @property
    def worker_process_id(self) -> int:
        """Of the worker; 0 while there is none."""
        return 0 if self._worker is None else self._worker.process_id

    def close(self) -> None:
        """End the worker and everything that modules started."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def _analyze(self, plan: Plan, job: Job, images: tuple[Image, ...], deadline_s: float) -> tuple[Analysis, ...]:
        entries: dict[str, Analysis] = {}
        todo: list[tuple[CadModule, str]] = []
        for module, category in zip(plan.modules, plan.categories, strict=True):
            if refusal := self._breakers.refusal(module.name):
                entries[module.name] = _without_findings(module, "unavailable", refusal)
            else:
                todo.append((module, category))
        todo.sort(key=lambda each: each[0].name not in self._skipped)  # stable: else in the plan's order
        end_s = time.monotonic() + max(self._limits.report_deadline_s, deadline_s)
        while todo and time.monotonic() < end_s:
            answered = self._run(todo, job, images, deadline_s, end_s)
            entries.update(answered)
            todo = [each for each in todo if each[0].name not in answered]
        self._skipped -= entries.keys()
        for module, _ in todo:
            self._skipped.add(module.name)
            reason = f"skipped: the modules before it took the {self._limits.report_deadline_s:g} s of a report"
            entries[module.name] = _without_findings(module, "unavailable", reason)
        return (*(entries[module.name] for module in plan.modules), *self._unusable(plan))

    def _run(
        self,
        todo: list[tuple[CadModule, str]],
        job: Job,
        images: tuple[Image, ...],
        deadline_s: float,
        end_s: float,
    ) -> dict[str, Analysis]:
        """Entries for the modules up to and including the first that cost the worker its life, or the last in time."""
        modules = [module for module, _ in todo]
        entries: dict[str, Analysis] = {}
        try:
            self.start()
        except WorkerLost as error:  # no module's fault
            log.error("%s", error)
            return {module.name: _without_findings(module, "failed", str(error)) for module in modules}
        assert self._worker is not None
        try:
            self._worker.send(
                replace(
                    job,
                    modules=tuple(module.name for module in modules),
                    categories=tuple(category for _, category in todo),
                    bundles=tuple(module.models for module in modules),
                ),
                images,
            )
            for module in modules:
                if entries and time.monotonic() > end_s:
                    self.close()
                    break
                answer = self._worker.answer(deadline_s)
                entries[module.name] = entry = _entry(module, answer)
                self._record(entry)
                if answer["left_process"]:
                    self.close()
                    break
        except WorkerSilent as error:
            module = modules[len(entries)]
            self.close()
            entries[module.name] = entry = _without_findings(module, "timed_out", str(error), deadline_s * 1000)
            self._record(entry)
        except WorkerLost as error:
            module = modules[len(entries)]
            self.close()
            entries[module.name] = entry = _without_findings(module, "failed", str(error))
            self._record(entry)
        return entries

    def _record(self, entry: Analysis) -> None:
        failed = entry.status in ("failed", "timed_out")
        if failed:
            log.warning("CAD module %s: %s: %s", entry.module, entry.status, entry.reason)
        if entry.status != "unavailable":
            self._breakers.record(entry.module, entry.reason if failed else "")

    @staticmethod
    def _unusable(plan: Plan) -> tuple[Analysis, ...]:
        return tuple(
            _without_findings(entry.module, "unavailable", entry.reason)
            for entry in plan.unusable
            if entry.module is not None
        )


def _without_findings(module: CadModule, status: Status, reason: str, duration_ms: float = 0.0) -> Analysis:
    return Analysis(module.name, module.version, status, reason, duration_ms, module.experimental)


def _entry(module: CadModule, answer: dict[str, Any]) -> Analysis:
    """The entry that an answer makes; what came is checked again, because a module may have written over the worker.

    Raises:
        WorkerLost: The answer is not that of this module, or not what it declared.
    """
    try:
        result = answer["result"]
        if result["module"] != module.name:
            raise ModuleContractError(f"it is about {result['module']!r}")
        findings = module.check(_findings(result["findings"]))
        entry = Analysis(
            module=module.name,
            version=module.version,
            status=result["status"],
            reason=result["reason"],
            duration_ms=result["duration_ms"],
            experimental=module.experimental,
            findings=findings.findings,
            overlays=findings.overlays,
        )
    except (KeyError, TypeError, ValueError, ModuleContractError) as error:
        raise WorkerLost(f"the analysis process answered in no known way: {error}") from error
    if answer["left_process"]:
        return _without_findings(module, "failed", "the module left a process behind; it was ended", entry.duration_ms)
    return entry


def _findings(values: dict[str, Any]) -> Findings:
    findings = (
        Finding(each["feature"], each["value"], each["unit"], each["interval"] and tuple(each["interval"]))
        for each in values["findings"]
    )
    overlays = (
        Overlay(each["kind"], each["label"], tuple(map(tuple, each["points"])), tuple(map(tuple, each["values"])))
        for each in values["overlays"]
    )
    return Findings(tuple(findings), tuple(overlays))
