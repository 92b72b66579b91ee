"""Inside a worker process: loads CAD modules when they are asked for and runs them on the pictures that it is sent."""

import contextlib
import importlib.metadata
import json
import logging
import mmap
import multiprocessing.reduction
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import EntryPoint
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from cad_modules.bounds import bounded
from cad_modules.contract import CadModule, Findings, Image, Overlay
from cad_modules.registry import GROUP, discover
from cad_modules.runtime import ModuleResult, Runtime, clip_context, run_module
from edge_app.confinement import confine, has_children
from edge_app.records import Box
from models.bundle import Prediction

MAX_LOG_LINES: Final = 20
MAX_LOG_CHARACTERS: Final = 4000
"""Of one record that a module, or what runs it, logs."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is told; the gray images come as a file descriptor of sealed memory, one after the other."""

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
    bundles: tuple[tuple[str, ...], ...] = ()
    """For each module, the model bundles that it asks for (of clips)."""


def work(
    connection: Connection,
    bundle_folders: tuple[Path, ...],
    entry_points: tuple[EntryPoint, ...] | None,
    memory_bytes: int,
) -> None:
    """The worker process: one answer (JSON) per module of each job, until the other end closes the connection.

    The first message says what of the confinement is not possible here. A module that leaves a process behind ends the
    worker, after its answer.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    log = _Log()
    logging.getLogger().addHandler(log)
    _send(connection, confine(memory_bytes))
    modules = _Modules(bundle_folders, entry_points)
    runtime = Runtime(bundle_folders)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job: Job = connection.recv()
            images = _receive_images(connection, job)
            results = _clip_results(job, images, modules, runtime) if job.times_s else None
            for result in results or _results(job, images[0], modules, runtime):
                left_behind = has_children()
                _send(connection, {"result": asdict(result), "left_process": left_behind, "log": log.take()})
                if left_behind:  # what left the process group is found only while this process lives
                    connection.poll(None)
                    return


class _Modules:
    """The CAD modules of this process; each is imported when it is first asked for, within its deadline."""

    def __init__(self, bundle_folders: tuple[Path, ...], entry_points: tuple[EntryPoint, ...] | None) -> None:
        self._bundle_folders = bundle_folders
        found = importlib.metadata.entry_points(group=GROUP) if entry_points is None else entry_points
        self._entries = tuple(found)
        self._loaded: dict[str, CadModule] = {}

    def module(self, name: str) -> CadModule:
        """The module.

        Raises:
            _CannotLoad: It loaded where the modules were listed, and doesn't here.
        """
        if name not in self._loaded:
            registry = discover(self._bundle_folders, [entry for entry in self._entries if entry.name == name])
            for entry in registry.unusable:
                raise _CannotLoad(entry.reason)
            self._loaded[name] = registry.module(name)
        return self._loaded[name]


class _CannotLoad(Exception):
    """Carries the reason."""


def _receive_images(connection: Connection, job: Job) -> list[Image]:
    """The images, in memory that nobody can write to."""
    descriptor = multiprocessing.reduction.recv_handle(connection)
    try:
        memory = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
    finally:
        os.close(descriptor)
    pixels = np.frombuffer(memory, np.uint8).reshape(-1, job.height, job.width)
    return list(pixels)


def _results(job: Job, screen: Image, modules: _Modules, runtime: Runtime) -> Iterator[ModuleResult]:
    area = job.area
    picture = screen[area.y : area.y + area.height, area.x : area.x + area.width]
    predictions: dict[str, Prediction] = {}
    for name, category in zip(job.modules, job.categories, strict=True):
        try:
            module = modules.module(name)
        except _CannotLoad as error:
            yield _unavailable(name, str(error))
            continue
        on_screen = module.looks_at == "screen"
        cache = {} if on_screen else predictions
        image = screen if on_screen else picture
        context = runtime.context_for(image, category, job.mm_per_pixel, cache, *job.colour_fractions)
        result = bounded(run_module(module, image, context))
        yield result if on_screen else _on_frame(result, area)


def _clip_results(job: Job, images: list[Image], modules: _Modules, runtime: Runtime) -> Iterator[ModuleResult]:
    frames = runtime.clip_frames(images, job.times_s, job.colour_fractions, job.bundles)
    for name, category in zip(job.modules, job.categories, strict=True):
        try:
            result = bounded(run_module(modules.module(name), frames, clip_context(category, job.mm_per_pixel)))
        except _CannotLoad as error:
            yield _unavailable(name, str(error))
        else:
            yield _on_frame(result, job.area, job.reduction)


def _unavailable(name: str, reason: str) -> ModuleResult:
    return ModuleResult(name, "", "unavailable", reason, 0.0, experimental=True, findings=Findings())


def _on_frame(result: ModuleResult, area: Box, reduction: int = 1) -> ModuleResult:
    """The result with its overlays in pixels of the frame; they were in pixels of the picture area, made smaller."""
    overlays = tuple(_moved(overlay, area, reduction) for overlay in result.findings.overlays)
    return replace(result, findings=replace(result.findings, overlays=overlays))


def _moved(overlay: Overlay, area: Box, reduction: int) -> Overlay:
    centre = (reduction - 1) / 2  # of the first reduced pixel
    points = ((x * reduction + centre + area.x, y * reduction + centre + area.y) for x, y in overlay.points)
    return replace(overlay, points=tuple(points))


def _send(connection: Connection, message: Any) -> None:
    connection.send_bytes(json.dumps(message, allow_nan=False).encode())


class _Log(logging.Handler):
    """Keeps the last few records until they are sent with a result: this process has no standard error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines = [*self._lines, self.format(record)[:MAX_LOG_CHARACTERS]][-MAX_LOG_LINES:]

    def take(self) -> list[str]:
        lines, self._lines = self._lines, []
        return lines
