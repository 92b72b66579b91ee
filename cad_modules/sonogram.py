"""Ultrasound pictures that no still-picture module can measure: blank, tiny, in colour, or two views side by side."""

from typing import Final

import numpy as np

from cad_modules.contract import AnalysisContext, Image, UnsuitableImage

SMALLEST_SIDE: Final = 64
"""Pixels. Below it the smallest structures that are looked for are a pixel or two wide."""
SMALLEST_SPREAD: Final = 5.0
"""Standard deviation of the gray levels; the flattest of 2,200 labelled ultrasound pictures has 11."""
COLOURED: Final = (0.01, 0.7)
"""Part of the picture that is coloured in colour Doppler; more is a tinted gray picture, less a mark or two."""
MIDDLE: Final = (0.3, 0.7)
"""Part of the width in which the seam between two views is looked for."""
FLAT: Final = 2.5
"""Standard deviation along a column of the gap between two views."""
STRUCTURED: Final = 12.0
"""Standard deviation along a column that crosses a picture."""
NARROWEST_VIEW: Final = 0.15
"""Of the width: columns of structure that a view has at least."""


def refuse_unusable(image: Image, context: AnalysisContext) -> None:
    """Say why a picture cannot be measured, if it cannot.

    Args:
        image: Gray, shape (height, width), uint8.
        context: Knows how much of the picture was coloured.

    Raises:
        UnsuitableImage: It is too small, blank, in colour, or shows two views.
    """
    if min(image.shape) < SMALLEST_SIDE:
        raise UnsuitableImage("the picture is too small to be measured")
    if float(image[::4, ::4].std()) < SMALLEST_SPREAD:
        raise UnsuitableImage("the picture is blank")
    if COLOURED[0] <= context.colour_fraction <= COLOURED[1]:
        raise UnsuitableImage("the picture is coloured, as in colour Doppler: switch to the gray picture")
    if has_two_views(image):
        raise UnsuitableImage("two views stand side by side: show one of them alone")


def has_two_views(image: Image) -> bool:
    """Whether two pictures stand side by side: between them some columns are of one gray from top to bottom."""
    width = image.shape[1]
    spread = image[::2].astype(np.float32).std(axis=0)
    first, last = round(MIDDLE[0] * width), round(MIDDLE[1] * width)
    flat = np.flatnonzero(spread[first:last] < FLAT) + first
    if not len(flat):
        return False
    views = np.count_nonzero(spread[: flat[0]] > STRUCTURED), np.count_nonzero(spread[flat[-1] + 1 :] > STRUCTURED)
    return bool(min(views) > NARROWEST_VIEW * width)
