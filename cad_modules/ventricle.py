"""The left ventricle's cavity in an apical view: what the modules that measure it share."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import UnsuitableImage
from cad_modules.geometry import Points, area, border_fraction, doubt, outlines, sampled
from models.bundle import Prediction

BUNDLE: Final = "left_ventricle_segmentation"
LABELS: Final = ("left_ventricle", "myocardium", "left_atrium")
OUTLINE_POINTS: Final = 256
SMALLEST_AREA: Final = 0.008
"""Of the picture. The smallest labelled cavity of CAMUS (620 copies at hand) covers 0.017."""
LARGEST_BORDER_FRACTION: Final = 0.05
"""Of the outline on the picture's edge; labelled cavities of CAMUS have none."""
LARGEST_SECOND_PIECE: Final = 0.25
"""Area of the second region over the largest: above it the network is not sure where the ventricle is."""
LARGEST_DOUBT: Final = 0.0064
"""Of ``geometry.doubt``, cavity, wall and atrium together. CAMUS (val and train splits) and two SonoSite cines stay
below 0.0056; nine of ten fetal heads and livers and all breasts, nerves, chests and photographs lie above 0.0064."""
LOOK_OUTWARD: Final = 0.06
"""Distance over the square root of the area: beyond the outline by this much, the wall or the atrium is certain."""
ANNULUS_RANGE: Final = (0.04, 0.35)
"""Part of the outline that the mitral annulus may be; CAMUS: 0.08 to 0.23."""
ELONGATION_RANGE: Final = (1.0, 4.0)
"""Long axis over mean width; CAMUS: 1.4 to 3.4."""


def find_cavity(prediction: Prediction, height: int, width: int) -> Points:
    """The cavity's outline, in pixels of the picture.

    Args:
        prediction: Of the bundle ``BUNDLE``.
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.

    Raises:
        UnsuitableImage: There is no left ventricle, it is cut off, in pieces or cannot be made out.
    """
    regions = outlines(prediction.channel("left_ventricle"), height, width)
    if not regions or area(regions[0]) < SMALLEST_AREA * height * width:
        raise UnsuitableImage("no left ventricle is visible")
    if doubt(*(prediction.channel(label) for label in LABELS)) > LARGEST_DOUBT:
        raise UnsuitableImage("the left ventricle cannot be made out: this may be another view or another organ")
    if len(regions) > 1 and area(regions[1]) > LARGEST_SECOND_PIECE * area(regions[0]):
        raise UnsuitableImage("the left ventricle cannot be told from another cavity")
    if border_fraction(regions[0], height, width) > LARGEST_BORDER_FRACTION:
        raise UnsuitableImage("the left ventricle is cut off by the edge of the picture")
    return regions[0]


def long_axis(
    cavity: Points, prediction: Prediction, height: int, width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The middle of the mitral annulus and the apex, (x, y) each, or None if the annulus cannot be told.

    The annulus is the part of the outline that has the left atrium behind it and not the wall; the apex is the point of
    the outline that is farthest from the annulus' middle.
    """
    outward = _outward_normals(cavity) * LOOK_OUTWARD * math.sqrt(area(cavity))
    atrium = sampled(prediction.channel("left_atrium"), cavity + outward, height, width)
    wall = sampled(prediction.channel("myocardium"), cavity + outward, height, width)
    run = _longest_run((atrium > wall) & (atrium > 0.1))
    if not ANNULUS_RANGE[0] <= len(run) / len(cavity) <= ANNULUS_RANGE[1]:
        return None
    base = (cavity[run[0]] + cavity[run[-1]]) / 2
    apex = cavity[np.argmax(np.hypot(*(cavity - base).T))]
    length = float(np.hypot(*(apex - base)))
    if not ELONGATION_RANGE[0] <= length**2 / area(cavity) <= ELONGATION_RANGE[1]:
        return None
    return base, apex


def _outward_normals(outline: Points) -> Points:
    tangent = np.roll(outline, -3, axis=0) - np.roll(outline, 3, axis=0)
    normal = np.column_stack((tangent[:, 1], -tangent[:, 0]))
    normal /= np.maximum(np.hypot(*normal.T), 1e-9)[:, np.newaxis]
    x, y = outline.T
    clockwise = float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) > 0
    return normal if clockwise else -normal


def _longest_run(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices of the longest run of True in a circle."""
    if flags.all() or not flags.any():
        return np.flatnonzero(flags)
    start = int(np.flatnonzero(~flags)[0])
    order = np.roll(np.arange(len(flags)), -start)
    breaks = np.flatnonzero(np.diff(np.concatenate(([0], flags[order].astype(np.int8), [0]))))
    begins, ends = breaks[::2], breaks[1::2]
    longest = int(np.argmax(ends - begins))
    return order[begins[longest] : ends[longest]]
