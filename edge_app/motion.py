"""Tells an unchanged screen from a moving picture, and a moving picture from a new one."""

from typing import Final, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_app.records import Frame

Change: TypeAlias = Literal["same", "moving", "cut"]
"""``same``: nothing changed; ``moving``: the same view, changed; ``cut``: another view, or the first frame."""

SAMPLE: Final = 64
"""Screens are compared on a sample of about SAMPLE x SAMPLE pixels."""
SAME_LEVELS: Final = 0.5
"""Mean difference below which two screens are the same (gray levels; a capture card's own noise is below it)."""
CUT_CORRELATION: Final = 0.6
"""Consecutive frames of one view correlate above .9; screens of different views seldom above .5."""


class Motion:
    """Compares each frame with the one before."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None

    def compare(self, frame: Frame) -> Change:
        """What became of the frame before."""
        rows, columns = (max(1, size // SAMPLE) for size in frame.pixels.shape[:2])
        sample = frame.pixels[::rows, ::columns]
        gray = sample if sample.ndim == 2 else sample[:, :, 1]
        now = cv2.blur(gray.astype(np.float32), (3, 3)).astype(np.float32)
        before, self._before = self._before, now
        if before is None or before.shape != now.shape:
            return "cut"
        if float(np.abs(now - before).mean()) < SAME_LEVELS:
            return "same"
        return "moving" if _correlation(now, before) >= CUT_CORRELATION else "cut"


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0
