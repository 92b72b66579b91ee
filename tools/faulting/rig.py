"""The service with a fake capture card, in a folder of its own, and what it said of which picture."""

import hashlib
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from cad_modules.registry import discover
from edge_app.app import Service
from edge_app.config import Config
from edge_app.messages import Report
from edge_app.records import Frame
from edge_app.sources.capture_card import CaptureCard
from edge_app.sources.capture_process import CaptureProcess
from edge_app.sources.distant_card import DistantCard
from tools.faulting.pictures import sector_on_screen

HEIGHT, WIDTH, RATE_HZ = 360, 640, 25.0
PICTURES_OF_A_VIEW: Final = 30
RUNS: Final = ("image_quality",)
"""The modules that run: what is looked at here is which pictures they are given."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame that went through the pipeline."""

    captured_ns: int
    genuine: bool
    """A picture of the card as it is, or made smaller by ``FakeCaptureCard.resize``."""


class Rig:
    """Service, capture process and card, running; use it as a context manager."""

    def __init__(self) -> None:
        self._cleanup = ExitStack()
        folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="edge-cad-faults-")))
        pictures = _two_views()
        self._genuine = {_sha256(each) for picture in pictures for each in (picture, picture[::2, ::2])}
        self._torn_in_view = _torn_in_view(pictures)
        (folder / "card").mkdir()
        self.card = DistantCard(folder / "card", pictures, RATE_HZ)
        self.process = CaptureProcess(self.card.choose_device, "fake")
        self.source = CaptureCard(self.process, "fake card")
        others = [module.name for module in discover().modules if module.name not in RUNS]
        config = Config.model_validate(
            {
                "device": {"id": "rig"},
                "store": {"path": folder / "store.sqlite3", "evidence": "none"},
                "mqtt": {"port": 9, "health_interval_s": 3600},  # nobody is there: the outbox keeps everything
                "analysis": {"interval_s": 0.4, "disabled_modules": others},
                # whatever the router makes of a drawn picture, it is accepted: a result that should not be is one then
                "router": {"accept_threshold": 1e-6, "reject_threshold": 1.0},
            }
        )
        self._newest: Seen | None = None
        self._changed = threading.Condition()
        self._service = Service(config, source=self.source)
        self._process_frame = self._service.pipeline.process
        self._service.pipeline.process = self._see  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._service.run, name="service")

    def __enter__(self) -> Self:
        self._cleanup.enter_context(self._service)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.card.tell("plug_in")
        self._service.stop()
        self._thread.join()
        self._cleanup.close()

    def wait_for_picture(self, after_ns: int, timeout_s: float) -> bool:
        """Until a genuine picture that was captured after a moment (monotonic) has gone through the pipeline."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._newest is not None and self._newest.genuine and self._newest.captured_ns > after_ns,
                timeout_s,
            )

    def reports(self) -> list[Report]:
        """On frames, with a result, so far."""
        kept = [self._service.store.read(report_id) for report_id in self._service.store.report_ids()]
        return [
            report
            for report in kept
            if report is not None and report.scope == "frame" and report.classification.decision != "rejected"
        ]

    def is_genuine(self, report: Report) -> bool:
        """Whether the report is on one whole picture of the card."""
        return report.frame is not None and report.frame.sha256 in self._genuine

    def is_torn_in_view(self, report: Report) -> bool:
        """Whether its upper and lower halves are of two pictures of one view, one right after the other."""
        return report.frame is not None and report.frame.sha256 in self._torn_in_view

    def health(self) -> Any:
        """Of the service."""
        return self._service.health()

    def _see(self, frame: Frame) -> None:
        self._process_frame(frame)
        with self._changed:
            self._newest = Seen(frame.captured_ns, _sha256(frame.pixels) in self._genuine)
            self._changed.notify_all()


def wall_to_monotonic_ns() -> int:
    """What is added to nanoseconds since 1970 to get those of the monotonic clock."""
    return time.monotonic_ns() - time.time_ns()


def _two_views() -> list[NDArray[np.uint8]]:
    """Pictures of a view that moves, then of another one; no two are equal."""
    pictures = []
    for seed in (1, 2):
        view = sector_on_screen(HEIGHT, WIDTH, seed)
        view = view if seed == 1 else np.ascontiguousarray(view[::-1])
        pictures += [np.roll(view, round(6 * np.sin(n / 4)) + n % 2, axis=0) for n in range(PICTURES_OF_A_VIEW)]
        for number, picture in enumerate(pictures[-PICTURES_OF_A_VIEW:]):
            picture[:2, 2 * number : 2 * number + 2] = 255  # a counter, as scanners have one
    return pictures


def _torn_in_view(pictures: list[NDArray[np.uint8]]) -> set[str]:
    """Hashes of what ``FakeCaptureCard.tear`` makes of two neighbours that are not on both sides of a cut."""
    half = HEIGHT // 2
    neighbours = [
        (before, after)
        for number, (before, after) in enumerate(pairwise(pictures), 1)
        if number % PICTURES_OF_A_VIEW  # else a new view begins
    ]
    return {_sha256(np.concatenate((after[:half], before[half:]))) for before, after in neighbours}


def _sha256(pixels: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()
