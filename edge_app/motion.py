"""Tells an unchanged screen from a moving picture, and a moving picture from a new one."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_app.records import Change, Frame

SAMPLE: Final = 64
"""Screens are compared on a sample of about SAMPLE x SAMPLE pixels."""
SAME_LEVELS: Final = 0.5
"""Mean difference below which two screens are the same (gray levels; a capture card's own noise is below it)."""
CUT_CORRELATION: Final = 0.6
"""Consecutive frames of one view correlate above .9; screens of different views seldom above .5."""


BANDS: Final = 4
"""Horizontal parts of a screen that are compared by themselves too: a picture is torn along a row."""
BAND_CUT_CORRELATION: Final = 0.65
"""Below it, a part of the screen shows something else than before (fast motion stays above it)."""
PLAIN_LEVELS: Final = 4.0
"""Standard deviation below which a part of the screen shows nothing (gray levels)."""


class Motion:
    """Compares each frame with the one before."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None
        self.settled = False
        """Whether every part of the newest frame shows the same view as the frame before: it was not a cut, and
        neither of the two is torn, half of one view and half of another."""

    def compare(self, frame: Frame) -> Change:
        """What became of the frame before."""
        rows, columns = (max(1, size // SAMPLE) for size in frame.pixels.shape[:2])
        sample = frame.pixels[::rows, ::columns]
        gray = sample if sample.ndim == 2 else sample[:, :, 1]
        now = cv2.blur(gray.astype(np.float32), (3, 3)).astype(np.float32)
        before, self._before = self._before, now
        self.settled = False
        if before is None or before.shape != now.shape:
            return "cut"
        if float(np.abs(now - before).mean()) < SAME_LEVELS:
            self.settled = True
            return "same"
        self.settled = _every_band_correlates(now, before)
        return "moving" if _correlation(now, before) >= CUT_CORRELATION else "cut"


def _every_band_correlates(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    bands = zip(np.array_split(a, BANDS), np.array_split(b, BANDS), strict=True)
    return all(
        min(one.std(), other.std()) < PLAIN_LEVELS or _correlation(one, other) >= BAND_CUT_CORRELATION
        for one, other in bands
    )


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0
