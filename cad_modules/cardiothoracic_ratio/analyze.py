"""Measure the cardiothoracic ratio."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from cad_modules.chest_anatomy import Lungs, display_doubt, find_heart, find_lungs
from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay, UnsuitableImage
from cad_modules.geometry import Points, extents, simplified

RATIO_RANGE: Final = (0.2, 0.9)
"""Outside of it one of the outlines is wrong; labelled JSRT radiographs have 0.35 to 0.64."""

Line = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Width:
    """A horizontal distance, and where it was measured."""

    pixels: float
    lines: tuple[Line, ...]


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Measure the greatest width of the heart and of the thorax.

    Args:
        image: Gray, shape (height, width), uint8; a frontal (posteroanterior) chest radiograph in inspiration.
        context: Category and spacing; without ``mm_per_pixel`` widths are in px. The ratio needs no spacing.

    Returns:
        ``cardiothoracic_ratio``, heart over thorax; ``heart_width`` (mm), the sum of the greatest distances of the
        right and the left border from the midline; ``thorax_width`` (mm), the greatest distance between the outer
        borders of the lung fields, both at one height. Overlays show each distance at the height where it was taken.

    Raises:
        UnsuitableImage: The heart or a lung is missing, cut off, or out of place.

    Source: Danzer CS: The cardiothoracic ratio: an index of cardiac enlargement. Am J Med Sci 1919;157:513-521.
    """
    lungs = find_lungs(image, context)
    heart = find_heart(image, context, lungs)
    thorax, midline = thorax_width(lungs)
    width = heart_width(heart, midline)
    ratio = width.pixels / thorax.pixels
    if not RATIO_RANGE[0] <= ratio <= RATIO_RANGE[1]:
        raise UnsuitableImage(f"the outlines make a cardiothoracic ratio of {ratio:.2f}, which no chest has")
    return Findings(
        findings=(
            Finding("cardiothoracic_ratio", ratio, "1"),
            context.length("heart_width", width.pixels),
            context.length("thorax_width", thorax.pixels),
        ),
        overlays=(
            Overlay("polygon", "heart", simplified(heart)),
            *(Overlay("line", "heart_width", line) for line in width.lines),
            *(Overlay("line", "thorax_width", line) for line in thorax.lines),
        ),
        doubt=display_doubt(image, context),
    )


def thorax_width(lungs: Lungs) -> tuple[Width, float]:
    """The greatest inner width of the thorax, and the x of the midline half-way between its walls.

    Raises:
        UnsuitableImage: The lungs share no height.
    """
    top = max(lungs.right[:, 1].min(), lungs.left[:, 1].min())
    bottom = min(lungs.right[:, 1].max(), lungs.left[:, 1].max())
    if bottom - top < 2:
        raise UnsuitableImage("the lungs are not side by side as in a frontal radiograph")
    rows = np.arange(math.ceil(top), bottom)
    walls_right, walls_left = extents(lungs.right, rows)[:, 0], extents(lungs.left, rows)[:, 1]
    widest = int(np.nanargmax(walls_left - walls_right))
    right, left, y = float(walls_right[widest]), float(walls_left[widest]), float(rows[widest])
    if left <= right:
        raise UnsuitableImage("the lungs are not side by side as in a frontal radiograph")
    # The spine is not outlined; half-way between the walls, over all heights, is where it stands in a straight film.
    midline = float(np.nanmedian((walls_right + walls_left) / 2))
    return Width(left - right, (_line(right, y, left, y),)), midline


def heart_width(heart: Points, midline: float) -> Width:
    """The greatest width of the heart: its farthest points right and left of the midline, at their own heights.

    The sum of both distances does not depend on the midline as long as it runs through the heart.
    """
    right, left = heart[np.argmin(heart[:, 0])], heart[np.argmax(heart[:, 0])]
    middle = min(max(midline, float(right[0])), float(left[0]))
    return Width(
        float(left[0] - right[0]),
        (
            _line(float(right[0]), float(right[1]), middle, float(right[1])),
            _line(middle, float(left[1]), float(left[0]), float(left[1])),
        ),
    )


def _line(x: float, y: float, other_x: float, other_y: float) -> Line:
    return (round(x, 2), round(y, 2)), (round(other_x, 2), round(other_y, 2))
