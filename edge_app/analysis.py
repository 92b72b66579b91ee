"""Run a plan's CAD modules on a picture, in a worker process that may hang or die."""

import contextlib
import logging
import multiprocessing
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np

from cad_modules.contract import CadModule, Image, Overlay
from cad_modules.registry import Registry, discover
from cad_modules.runtime import ModuleResult, Runtime, clip_context, run_module
from edge_app.clips import colour_fraction
from edge_app.records import Analysis, Box, Clip, Picture, Plan
from models.bundle import Prediction

log = logging.getLogger(__name__)

STOP_TIMEOUT_S: Final = 2.0
"""A worker that was asked to end, or killed, is gone after this time."""
CLIP_FRAME_DEADLINE_S: Final = 0.1
"""A module that looks at a clip may take so much longer for each of its frames: a network may run on every one."""


@dataclass(frozen=True, slots=True)
class _Job:
    """What a worker is told before it gets the bytes of the gray frame, or of each of a clip's."""

    modules: tuple[str, ...]
    categories: tuple[str, ...]
    height: int
    width: int
    area: Box
    mm_per_pixel: float | None
    times_s: tuple[float, ...] = ()
    """Of a clip's frames; empty for a single frame."""
    colour_fractions: tuple[float, ...] = ()
    """Of a clip's frames; of a single frame, its picture area's."""
    reduction: int = 1
    """Pixels of the frame to one of a clip's."""


class Analyzer:
    """Runs CAD modules in one long-lived worker process; close it, or use it as a context manager.

    A module that overruns the deadline is ended with the worker and reported ``timed_out``, one that ends the worker
    is reported ``failed``; the plan's other modules run in a fresh worker.

    Args:
        bundle_folders: Where model bundles are looked for before the built-in ones.
        deadline_s: For each module; the first run of a learned one loads its network within it.
        entry_points: The modules, as for ``registry.discover``; None: those that are installed.
    """

    def __init__(
        self,
        bundle_folders: tuple[Path, ...] = (),
        deadline_s: float = 5.0,
        entry_points: tuple[EntryPoint, ...] | None = None,
    ) -> None:
        self._bundle_folders = bundle_folders
        self._entry_points = entry_points
        self._deadline_s = deadline_s
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["cad_modules.runtime"])
        self._worker: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> "Analyzer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the worker now instead of at the first picture."""
        if self._connection is None:
            ours, theirs = self._context.Pipe()
            self._worker = self._context.Process(
                target=_work, args=(theirs, self._bundle_folders, self._entry_points), name="cad-worker", daemon=True
            )
            self._worker.start()
            theirs.close()
            self._connection = ours

    def analyze(self, plan: Plan, picture: Picture) -> tuple[Analysis, ...]:
        """Run every module of the plan; always one entry per module, in the plan's order.

        Modules that would serve the plan's categories but cannot be used here follow as ``unavailable``.
        """
        pixels = picture.frame.pixels
        gray = pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
        height, width = gray.shape
        coloured = (colour_fraction(picture.pixels),)
        job = _Job((), (), height, width, picture.area, picture.frame.mm_per_pixel, colour_fractions=coloured)
        return self._analyze(plan, job, (gray,), self._deadline_s)

    def analyze_clip(self, plan: Plan, clip: Clip | None) -> tuple[Analysis, ...]:
        """Run every module of a plan for clips; as ``analyze``, with a longer deadline.

        Args:
            plan: Of modules that look at clips.
            clip: None: no frame was kept, and only unusable modules have an entry.
        """
        if clip is None:
            return self._analyze(replace(plan, modules=(), categories=()), None, (), 0.0)
        height, width = clip.images[0].shape
        job = _Job(
            (), (), height, width, clip.area, clip.mm_per_pixel, clip.times_s, clip.colour_fractions, clip.reduction
        )
        return self._analyze(plan, job, clip.images, self._deadline_s + CLIP_FRAME_DEADLINE_S * len(clip.images))

    def _analyze(
        self, plan: Plan, job: _Job | None, images: tuple[Image, ...], deadline_s: float
    ) -> tuple[Analysis, ...]:
        analyses: list[Analysis] = []
        while job is not None and len(analyses) < len(plan.modules):
            left = plan.modules[len(analyses) :]
            names = tuple(module.name for module in left)
            job = replace(job, modules=names, categories=plan.categories[len(analyses) :])
            analyses.extend(self._run(left, job, images, deadline_s))
        unavailable = [
            Analysis(entry.name, entry.module.version, "unavailable", entry.reason, 0.0, entry.module.experimental)
            for entry in plan.unusable
            if entry.module is not None
        ]
        return (*analyses, *unavailable)

    def close(self) -> None:
        """End the worker."""
        if self._connection is not None and self._worker is not None:
            self._connection.close()
            self._worker.join(STOP_TIMEOUT_S)
            if self._worker.is_alive():
                self._worker.kill()
                self._worker.join(STOP_TIMEOUT_S)
            self._worker.close()
        self._connection = self._worker = None

    def _run(
        self, modules: tuple[CadModule, ...], job: _Job, images: tuple[Image, ...], deadline_s: float
    ) -> Iterator[Analysis]:
        """Entries for the job's modules up to and including the first that cost the worker its life."""
        try:
            self.start()
            assert self._connection is not None
            self._connection.send(job)
            for gray in images:
                self._connection.send_bytes(np.ascontiguousarray(gray).reshape(-1).data)
        except (BrokenPipeError, ConnectionResetError):
            self._replace_worker()
            yield _missing(modules[0], "failed", "the analysis process ended", 0.0)
            return
        for module in modules:
            try:
                if not self._connection.poll(deadline_s):
                    self._replace_worker()
                    yield _missing(module, "timed_out", f"no answer within {deadline_s:g} s", deadline_s * 1000)
                    return
                result: ModuleResult = self._connection.recv()
            except (EOFError, ConnectionResetError):
                code = self._replace_worker()
                yield _missing(module, "failed", f"the module ended its process (exit code {code})", 0.0)
                return
            yield _entry(result)

    def _replace_worker(self) -> int | None:
        code = None
        if self._worker is not None:
            self._worker.kill()
            self._worker.join(STOP_TIMEOUT_S)
            code = self._worker.exitcode
        self.close()
        return code


def _missing(module: CadModule, status: Literal["failed", "timed_out"], reason: str, duration_ms: float) -> Analysis:
    log.warning("CAD module %s: %s: %s", module.name, status, reason)
    return Analysis(module.name, module.version, status, reason, duration_ms, module.experimental)


def _entry(result: ModuleResult) -> Analysis:
    return Analysis(
        module=result.module,
        version=result.version,
        status=result.status,
        reason=result.reason,
        duration_ms=result.duration_ms,
        experimental=result.experimental,
        findings=result.findings.findings,
        overlays=result.findings.overlays,
    )


def _work(
    connection: Connection, bundle_folders: tuple[Path, ...], entry_points: tuple[EntryPoint, ...] | None
) -> None:
    """The worker process: one result per module, until the other end closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    registry = discover(bundle_folders, entry_points)
    runtime = Runtime(bundle_folders)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job: _Job = connection.recv()
            received = (connection.recv_bytes() for _ in range(max(1, len(job.times_s))))
            images = [np.frombuffer(pixels, np.uint8).reshape(job.height, job.width) for pixels in received]
            if job.times_s:
                results = _clip_results(job, images, registry, runtime)
            else:
                results = _results(job, images[0], registry, runtime)
            for result in results:
                connection.send(result)


def _results(job: _Job, screen: Image, registry: Registry, runtime: Runtime) -> Iterator[ModuleResult]:
    area = job.area
    picture = screen[area.y : area.y + area.height, area.x : area.x + area.width]
    picture.setflags(write=False)
    predictions: dict[str, Prediction] = {}
    for name, category in zip(job.modules, job.categories, strict=True):
        module = registry.module(name)
        on_screen = module.looks_at == "screen"
        cache = {} if on_screen else predictions
        image = screen if on_screen else picture
        context = runtime.context_for(image, category, job.mm_per_pixel, cache, *job.colour_fractions)
        result = run_module(module, image, context)
        if not on_screen:
            result = _on_frame(result, area)
        yield result


def _clip_results(job: _Job, images: list[Image], registry: Registry, runtime: Runtime) -> Iterator[ModuleResult]:
    modules = [registry.module(name) for name in job.modules]
    frames = runtime.clip_frames(images, job.times_s, job.colour_fractions, modules)
    for module, category in zip(modules, job.categories, strict=True):
        yield _on_frame(run_module(module, frames, clip_context(category, job.mm_per_pixel)), job.area, job.reduction)


def _on_frame(result: ModuleResult, area: Box, reduction: int = 1) -> ModuleResult:
    """The result with its overlays in pixels of the frame; they were in pixels of the picture area, made smaller."""
    overlays = tuple(_moved(overlay, area, reduction) for overlay in result.findings.overlays)
    return replace(result, findings=replace(result.findings, overlays=overlays))


def _moved(overlay: Overlay, area: Box, reduction: int) -> Overlay:
    centre = (reduction - 1) / 2  # of the first reduced pixel
    points = ((x * reduction + centre + area.x, y * reduction + centre + area.y) for x, y in overlay.points)
    return replace(overlay, points=tuple(points))
