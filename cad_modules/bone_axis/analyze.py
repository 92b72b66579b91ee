"""Find the axes of long bones."""

from itertools import pairwise
from typing import Final

import numpy as np

from cad_modules.bone_axis.axes import find_axes
from cad_modules.bone_axis.ridges import find_ridges
from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay, UnsuitableImage
from cad_modules.radiograph import SMALLEST_FIELD, exposed_field, polarity_doubt, usual_polarity

SMALLEST_PICTURE: Final = 128
"""Pixels of the longest side."""
MOST_AXES: Final = 8
"""With more, the picture shows a hand or foot, whose many short bones have no common angulation."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Count the axes of long bones and measure the largest angle by which one of them bends.

    Args:
        image: Gray, shape (height, width), uint8; a radiograph of a limb.
        context: Category; spacing is not needed.

    Returns:
        ``axis_count``; ``angulation`` (degree), the largest of all axes, 0 for straight ones. Overlays: the parts of
        each axis as lines ``bone_axis``.

    Raises:
        UnsuitableImage: The picture is too small or shows no long bone.

    Source: axis of the shaft as the line through the middle of the cortices, as in Paley, Principles of Deformity
    Correction, 2002, chapter 1; the lines are found as in ``ridges.find_ridges``.
    """
    if max(image.shape) < SMALLEST_PICTURE:
        raise UnsuitableImage("the picture is too small to see the axis of a bone")
    top, bottom, left, right = exposed_field(image)
    field = image[top:bottom, left:right]
    if field.size < SMALLEST_FIELD * image.size or min(field.shape) < SMALLEST_PICTURE // 8:
        raise UnsuitableImage("there is no exposed field to look at")
    searched = find_ridges(usual_polarity(field, context.category))
    axes = find_axes(searched.ridges, searched.gray, searched.tone)
    if not axes:
        raise UnsuitableImage("no long bone can be made out")
    lines = []
    for axis in axes:
        corners = (axis.corners + 0.5) / searched.scale - 0.5 + (left, top)
        inside = np.clip(corners, 0, (image.shape[1] - 1, image.shape[0] - 1)).round(2)
        ends = [(float(x), float(y)) for x, y in inside]
        lines += [Overlay("line", "bone_axis", part) for part in pairwise(ends)]
    doubts = [
        polarity_doubt(image, context.category),
        "many bones, as in a hand or foot: the angle may be between two of them" if len(axes) > MOST_AXES else "",
    ]
    return Findings(
        findings=(
            Finding("axis_count", float(len(axes)), "1"),
            Finding("angulation", max(axis.angulation for axis in axes), "degree"),
        ),
        overlays=tuple(lines),
        doubt="; ".join(filter(None, doubts)),
    )
