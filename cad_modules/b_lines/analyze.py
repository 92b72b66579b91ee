"""Count B-lines behind the pleural line."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.beams import BEAMS, DEPTHS, Array
from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay
from cad_modules.lung_field import LungField, find_field

BANDS: Final = ((0.28, 0.46), (0.46, 0.64), (0.64, 0.82), (0.80, 0.98))
"""Parts of the way from the pleural line to the end of the beam: a B-line is bright in each."""
NARROW: Final = 1.5
"""Beams (of 128); smoothing within a streak."""
WIDE: Final = 8.0
"""Beams; smoothing of the streak's surroundings."""
FEWEST_ROWS: Final = 4
"""Rows of a band that a beam must show."""
SHORTEST: Final = 0.7
"""Of the usual length of a beam: shorter ones are cut off by the picture's side and not followed down."""
SKIPPED_ROWS: Final = 10
"""Rows that are still the pleural line."""
HALF_SCORE: Final = 0.05
"""Excess over the scan's brightest level at which the score is one half."""
LINE: Final = 0.035
"""Excess from which a streak is counted: the one that told flagged from other training clips best."""
APART: Final = 6
"""Beams between two B-lines."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Find streaks that run from the pleural line to the end of the picture.

    Args:
        image: Gray, shape (height, width), uint8; lung with the pleural line across the beams.
        context: Category.

    Returns:
        ``b_line_count`` (lines) and ``b_line_score`` (0 to 1) of the clearest streak, with a line for each counted one,
        labelled ``b_line``.

    Raises:
        UnsuitableImage: No pleural line is visible.

    Source: what a B-line is: Volpicelli et al., Intensive Care Med 2012;38:577-591; brightness along each beam of the
    unrolled picture, after Brattain et al., Comput Biol Med 2013;43:1-9. The bands and thresholds are from the train
    split of the POCUS clips.
    """
    field = find_field(image, context)
    excess = streaks(field)
    beams = _peaks(excess)
    clearest = max(float(excess.max()), 0.0)
    overlays = []
    for beam in beams:
        start, end = field.place(beam, 0), field.place(beam, float(field.last[beam] - 1))
        overlays.append(Overlay("line", "b_line", (_within(start, image), _within(end, image))))
    return Findings(
        (
            Finding("b_line_count", float(len(beams)), "lines"),
            Finding("b_line_score", clearest / (clearest + HALF_SCORE), "1"),
        ),
        tuple(overlays),
    )


def streaks(field: LungField) -> Array:
    """By how much each beam is brighter than those beside it all the way down, over the brightest level, (BEAMS,)."""
    rows, last = np.arange(DEPTHS)[:, np.newaxis], field.last
    least = np.full(BEAMS, np.inf, np.float32)
    for first, end in BANDS:
        chosen = field.inside & (rows >= first * last) & (rows < end * last) & (rows > SKIPPED_ROWS)
        counts = chosen.sum(axis=0)
        level = (field.image * chosen).sum(axis=0) / np.maximum(counts, 1)
        seen = (counts > FEWEST_ROWS) & (last >= SHORTEST * float(np.median(last)))
        narrow = _smoothed(level, seen, NARROW)
        least = np.minimum(least, np.where(seen, narrow - _smoothed(narrow, seen, WIDE), 0))
    return np.asarray(least / field.brightest, np.float32)


def _smoothed(level: Array, seen: NDArray[np.bool_], beams: float) -> Array:
    """The level smoothed over the beams that are seen."""
    kept = np.where(seen, level, 0).astype(np.float32)[np.newaxis]
    share = cv2.GaussianBlur(seen.astype(np.float32)[np.newaxis], (0, 0), beams)
    return np.asarray((cv2.GaussianBlur(kept, (0, 0), beams) / np.maximum(share, 1e-3))[0], np.float32)


def _peaks(excess: Array) -> list[int]:
    """Beams of the streaks, clearest first; none within ``APART`` of a clearer one."""
    found: list[int] = []
    for beam in np.argsort(-excess, kind="stable").tolist():
        if excess[beam] < LINE:
            break
        neighbours = excess[max(beam - 1, 0) : beam + 2]
        if excess[beam] >= neighbours.max() and all(abs(beam - other) >= APART for other in found):
            found.append(beam)
    return sorted(found)


def _within(point: tuple[float, float], image: Image) -> tuple[float, float]:
    """The point, or the picture's nearest one: a beam may leave a picture that is cut off."""
    x = min(max(point[0], 0.0), image.shape[1] - 1.0)
    return round(x, 2), round(min(max(point[1], 0.0), image.shape[0] - 1.0), 2)
