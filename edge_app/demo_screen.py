"""The screen of an imagined scanner: real DICOM files, one after the other, as its video output would show them."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_app.records import Frame
from edge_app.sources.live import Captured, CaptureFormat

PICTURES: Final = {
    "color3d_jpeg_baseline.dcm": "SonoSite echo cine, 120 frames",
    "RG1_J2KR.dcm": "Philips chest radiograph",
    "US1_J2KR.dcm": "GE lymph node",
    "RG3_J2KR.dcm": "Fuji leg radiograph",
    "examples_ybr_color.dcm": "SonoSite cine, 30 frames",
    "JPGLosslessP14SV1_1s_1f_8b.dcm": "Philips echo",
    "gdcm-US-ALOKA-16.dcm": "ALOKA pelvis",
    "OBXXXX1A.dcm": "Philips obstetric screen",
    "examples_rgb_color.dcm": "GE colour Doppler",
    "examples_palette.dcm": "Philips screen, nearly empty",
}
"""Files of the pydicom and pydicom-data packages, in the order of the demo, with what they show."""

SCREEN: Final = (1280, 720)
RATE_HZ: Final = 30.0


@dataclass(frozen=True, slots=True)
class Showing:
    """One picture on the screen."""

    number: int
    title: str
    since: datetime


class DemoScreen:
    """A ``CaptureDevice`` that plays the files in real time at 30 pictures a second; a cine at its own speed.

    Unlike a scanner's, its screen shows no text beside the pictures' own, and changes without a transition.

    Args:
        paths: DICOM files.
        still_s: How long a still picture stays.
        loop: Begin again at the end.
    """

    backend: str = "demo screen"

    def __init__(self, paths: list[Path], still_s: float, loop: bool) -> None:
        self.ended = threading.Event()
        """Set when the last picture has been shown for its time."""
        self._paths = cycle(paths) if loop else iter(paths)
        self._still_s = still_s
        self._lock = threading.Lock()
        self._history: list[Showing] = []
        self._pictures = self._play()
        self._last = np.zeros((SCREEN[1], SCREEN[0], 3), np.uint8)
        self._next_s = 0.0

    def open(self, asked: CaptureFormat) -> CaptureFormat:
        """Gives its own format, whatever is asked."""
        return CaptureFormat(*SCREEN, RATE_HZ, "BGR3")

    def read(self) -> Captured:
        """Wait for the next picture: shape (720, 1280, 3), BGR. After the end, the last one stays."""
        now = time.monotonic()
        if self._next_s > now:
            time.sleep(self._next_s - now)
        self._next_s = max(self._next_s, now) + 1 / RATE_HZ
        self._last = next(self._pictures, self._last)
        return Captured(self._last, time.monotonic() * 1000)

    def close(self) -> None:
        """Nothing to let go of."""

    def at(self, when: datetime) -> Showing | None:
        """What was on the screen at a moment."""
        with self._lock:
            return next((showing for showing in reversed(self._history) if showing.since <= when), None)

    def history(self) -> list[Showing]:
        """What was on the screen so far; of a looping demo, the last round."""
        with self._lock:
            return self._history[-len(PICTURES) :]

    def _play(self) -> Iterator[NDArray[np.uint8]]:
        for number, path in enumerate(self._paths):
            started = time.monotonic()
            first = True
            for frame in _timed(path, self._still_s):
                pixels = _on_screen(frame)
                if first:
                    started, first = time.monotonic(), False
                    self._show(number, path)
                yield pixels
                while time.monotonic() - started < frame.time_s:
                    yield pixels
        self.ended.set()

    def _show(self, number: int, path: Path) -> None:
        with self._lock:
            self._history.append(Showing(number, PICTURES.get(path.name, path.name), datetime.now(UTC)))
            del self._history[: -2 * len(PICTURES)]


@dataclass(frozen=True, slots=True, eq=False)
class _Timed:
    """A frame, and until when it stays."""

    pixels: NDArray[np.uint8]
    time_s: float
    """Since the first frame of the file."""


def _timed(path: Path, still_s: float) -> Iterator[_Timed]:
    """The frames of a file, each with the time at which the next one comes."""
    from edge_app.sources.dicom_files import DicomFile  # needs the extra dicom

    before: Frame | None = None
    interval_s = 1 / RATE_HZ
    with DicomFile(path) as source:
        for frame in source.frames():
            if before is not None:
                interval_s = frame.time_s - before.time_s
                yield _Timed(before.pixels, frame.time_s)
            before = frame
    if before is not None:
        yield _Timed(before.pixels, before.time_s + (still_s if before.time_s == 0 else interval_s))


def _on_screen(frame: _Timed) -> NDArray[np.uint8]:
    """Scaled to fit, centred, on black."""
    height, width = frame.pixels.shape[:2]
    scale = min(SCREEN[0] / width, SCREEN[1] / height)
    size = (round(width * scale), round(height * scale))
    scaled = cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if scaled.ndim == 2:
        scaled = cv2.cvtColor(scaled, cv2.COLOR_GRAY2BGR)
    screen = np.zeros((SCREEN[1], SCREEN[0], 3), np.uint8)
    x, y = (SCREEN[0] - size[0]) // 2, (SCREEN[1] - size[1]) // 2
    screen[y : y + size[1], x : x + size[0]] = scaled
    return screen
