"""Look for A-lines behind the pleural line."""

from typing import Final

import cv2
import numpy as np

from cad_modules.beams import BEAMS, DEPTHS, Array
from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay
from cad_modules.lung_field import LungField, find_field

ACROSS: Final = 4.0
"""Beams (of 128); smoothing along an A-line."""
THIN: Final = 1.3
"""Rows (of 256); smoothing within an A-line."""
THICK: Final = 7.0
"""Rows; smoothing of what is above and below it."""
FAINTEST: Final = 8.0
"""Gray levels added to the surroundings, so that noise in the dark does not count."""
PERCENTILE: Final = 80
"""Of the contrast over the beams: an A-line must be seen in one fifth of them, between ribs."""
TOLERANCE: Final = 0.12
"""Of the spacing: where a repeat is looked for around the depth at which it should be."""
HALF_SCORE: Final = 0.3
"""Contrast over the surroundings at which the score is one half."""
FEWEST_ROWS: Final = 12
"""Depth of the pleural line below which its repeats are not told from its own width."""
SEEN: Final = 0.1
"""Contrast from which the spacing is reported."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Measure how clearly the pleural line is repeated below itself.

    Args:
        image: Gray, shape (height, width), uint8; lung with the pleural line across the beams.
        context: Spacing; without it lengths are in pixels.

    Returns:
        ``a_line_score`` (0 to 1), the contrast of the first repeat; where it is seen, ``a_line_spacing`` (mm or px)
        from the pleural line to it, with a line labelled ``a_line``.

    Raises:
        UnsuitableImage: No pleural line is visible.

    Source: A-lines repeat the pleural line at multiples of its depth: Lichtenstein et al., Intensive Care Med
    1999;25:383-388; contrast of level lines in the unrolled picture, after Karakus et al., IEEE Trans Ultrason
    Ferroelectr Freq Control 2020;67:2218-2229. The constants are from the train split of the POCUS clips.
    """
    field = find_field(image, context)
    spacing = float(np.median(field.line.depths)) + 0.5
    contrast = _contrast(field)
    profile = np.percentile(contrast[:, field.line.beams], PERCENTILE, axis=1)
    first, last = round(spacing * (1 - TOLERANCE)), round(spacing * (1 + TOLERANCE)) + 1
    if spacing < FEWEST_ROWS or last >= DEPTHS - 10:
        return Findings((Finding("a_line_score", 0.0, "1"),))
    row = first + int(np.argmax(profile[first:last]))
    height = max(float(profile[row]), 0.0)
    score = Finding("a_line_score", height / (height + HALF_SCORE), "1")
    if height < SEEN:
        return Findings((score,))
    length = row * field.line.fan.depth_step
    return Findings((score, context.length("a_line_spacing", length)), _overlays(field, contrast, row, image))


def _contrast(field: LungField) -> Array:
    """How much brighter a level line is than what is above and below it, over their level, shape of the field."""
    line = cv2.GaussianBlur(field.image, (0, 0), ACROSS, sigmaY=THIN)
    around = cv2.GaussianBlur(field.image, (0, 0), ACROSS, sigmaY=THICK)
    return np.asarray((line - around) / (around + FAINTEST), np.float32)


def _overlays(field: LungField, contrast: Array, row: int, image: Image) -> tuple[Overlay, ...]:
    """The longest stretch of the repeat."""
    seen = np.append(contrast[row] >= SEEN / 2, False)
    best, start = (0, 0), None
    for beam in range(BEAMS + 1):
        if seen[beam] and start is None:
            start = beam
        elif not seen[beam] and start is not None:
            best, start = max(best, (start, beam), key=lambda pair: pair[1] - pair[0]), None
    if best[1] - best[0] < 2:
        return ()
    ends = []
    for beam in (best[0], best[1] - 1):
        x, y = field.place(float(beam), float(row))
        x = min(max(x, 0.0), image.shape[1] - 1.0)
        ends.append((round(x, 2), round(min(max(y, 0.0), image.shape[0] - 1.0), 2)))
    return (Overlay("line", "a_line", tuple(ends)),)
