"""Measure the pleural line."""

from itertools import pairwise
from typing import Final

import numpy as np

from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay
from cad_modules.lung_field import find_line

PIECES: Final = 16
"""Straight pieces that the line is drawn with."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Find the pleural line and say how deep and how unbroken it is.

    Args:
        image: Gray, shape (height, width), uint8; lung ultrasound of a curved or linear probe.
        context: Spacing; without it the depth is in pixels.

    Returns:
        ``pleura_depth`` (mm or px), median along the beams from the probe's surface, with the quartiles as
        interval; ``pleura_continuity`` (0 to 1), the part of the line that is bright from its first to its last
        bright beam. Overlays: lines labelled ``pleural_line``.

    Raises:
        UnsuitableImage: No pleural line is visible.

    Source: path by dynamic programming, after Carrer et al., IEEE Trans Ultrason Ferroelectr Freq Control
    2020;67:2207-2217 (see ``cad_modules/pleura.py``).
    """
    line = find_line(image, context)
    step = line.fan.depth_step
    low, high = (float(bound) for bound in np.percentile(line.depths + 0.5, (25, 75)) * step)
    corners = line.points[np.unique(np.linspace(0, len(line.points) - 1, PIECES + 1).round().astype(int))]
    limit = np.array((image.shape[1] - 1.0, image.shape[0] - 1.0))
    ends = [(round(float(x), 2), round(float(y), 2)) for x, y in np.clip(corners, 0, limit)]
    return Findings(
        (
            context.length("pleura_depth", line.depth, (min(low, line.depth), max(high, line.depth))),
            Finding("pleura_continuity", line.continuity, "1"),
        ),
        tuple(Overlay("line", "pleural_line", pair) for pair in pairwise(ends)),
    )
