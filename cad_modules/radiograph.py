"""What is true of every radiograph: the exposed field inside its margins, and whether bone is shown white or black."""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import RADIOGRAPH, Image

LONGEST_SIDE: Final = 256
"""Polarity is judged at this size."""

COLLIMATED_RANGE: Final = 8
"""Gray levels between the 5th and the 95th percentile of a row or column that lies outside of the field."""
COLLIMATED_DARK: Final = 14
COLLIMATED_BRIGHT: Final = 241
ROW_SAMPLES: Final = 100
"""Pixels looked at in each row and column; a margin is uniform, so these are enough."""
SOFT_BRIGHT: Final = 200
SOFT_RANGE: Final = 70
"""A white margin may fade towards the field: its rows or columns are at least so bright and no more varied; a black
one in an inverted picture likewise."""
SOFT_WIDTH: Final = 0.3
"""Of the side; a wider bright band is no fading margin."""
SOFT_FADE: Final = 25
"""Gray levels by which it fades; even air beside a body does not."""
SOFT_DROP: Final = 80
"""Gray levels by which the picture falls at the blade's edge, within ``EDGE_WIDTH`` of the side."""
EDGE_WIDTH: Final = 0.03
SMALLEST_FIELD: Final = 0.02
"""Of the picture; with less there is no radiograph to rate."""

POLARITY_CHEST: Final = {"middle_over_border": 7.1, "middle_over_sides": -2.8, "mean": 20.1, "bottom_over_top": 18.6}
POLARITY_BONE: Final = {"middle_over_border": 13.5, "middle_over_sides": 6.2, "mean": -16.6}
"""Weights of a logistic regression, positive polarity against the same pictures inverted, without a constant term.

Fitted in 2026 on the train split of JSRT, ChestX-ray14 (chest) and OSAIL knees, bone break, MedNIST hand (bone); five
pictures that the sets hold inverted were left out."""
FLAT: Final = 6
"""Gray levels; a field that varies less shows nothing."""
INVERTED_BELOW: Final = 0.12
"""Probability of the usual polarity below which a picture is turned. Val split: none of 220 chest and 240 bone pictures
of the usual polarity lies below, of their negatives 94 and 98 of 100 do."""


def exposed_field(image: Image) -> tuple[int, int, int, int]:
    """First and past-the-last row and column of the field inside its margins: top, bottom, left, right.

    Margins are straight, uniformly black or white rows and columns, and ones that fade towards a blade's sharp edge, as
    the unexposed border of a film does.
    """
    top, bottom, left, right = 0, image.shape[0], 0, image.shape[1]
    for _ in range(2):  # the second look sees the margins without the corners of the other pair
        above, below = _margins(image[top:bottom, left:right])
        top, bottom = top + above, bottom - below
        before, behind = _margins(image[top:bottom, left:right].T)
        left, right = left + before, right - behind
    return top, bottom, left, right


def polarity(field: Image, chest: bool) -> float:
    """Probability that bone is white and air black, from where the field is bright; 0.5 cannot be told.

    Args:
        field: The exposed field, gray; best at ``LONGEST_SIDE`` or below.
        chest: Whether it shows a chest; else bones.
    """
    low, high = np.percentile(field, (2, 98))
    if high - low < FLAT:
        return 0.5
    tone = np.clip((field.astype(np.float32) - low) / max(high - low, 1), 0, 1)
    rows, columns = tone.shape
    edge = max(2, rows // 32)
    middle = float(tone[rows // 4 : max(3 * rows // 4, 1), columns // 4 : max(3 * columns // 4, 1)].mean())
    sides = np.concatenate((tone[: max(rows // 2, 1), :edge].ravel(), tone[: max(rows // 2, 1), -edge:].ravel()))
    border = np.concatenate(
        (tone[:edge].ravel(), tone[-edge:].ravel(), tone[:, :edge].ravel(), tone[:, -edge:].ravel())
    )
    third = max(rows // 3, 1)
    signs = {
        "middle_over_sides": middle - float(sides.mean()),
        "middle_over_border": middle - float(border.mean()),
        "mean": float(tone.mean()) - 0.5,
        "bottom_over_top": float(tone[-third:].mean()) - float(tone[:third].mean()),
    }
    weights = POLARITY_CHEST if chest else POLARITY_BONE
    logit = sum(weight * signs[name] for name, weight in weights.items())
    return 1 / (1 + math.exp(-logit))


def is_inverted(image: Image, category: str) -> bool:
    """Whether a radiograph is clearly shown with bone black and air white.

    Args:
        image: Gray, shape (height, width), uint8, with its margins.
        category: One of ``CATEGORIES``; pictures that are no radiographs are never inverted.
    """
    if category not in RADIOGRAPH:
        return False
    small = reduced(image)
    top, bottom, left, right = exposed_field(small)
    field = small[top:bottom, left:right]
    if field.size < SMALLEST_FIELD * small.size:
        return False
    return polarity(field, chest=category == "xr_chest") < INVERTED_BELOW


def usual_polarity(image: NDArray[np.uint8], category: str) -> NDArray[np.uint8]:
    """The picture with bone white: turned if it is a radiograph that shows bone black, else itself.

    Args:
        image: Gray (h, w) or BGR (h, w, 3), uint8.
        category: One of ``CATEGORIES``.
    """
    if category not in RADIOGRAPH:
        return image
    gray = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    return np.bitwise_not(image) if is_inverted(gray, category) else image


def polarity_doubt(image: Image, category: str) -> str:
    """What to say of findings on a picture that was turned; empty if it was not."""
    return "the picture shows bone black and was turned" if is_inverted(image, category) else ""


def reduced(image: Image, longest_side: int = LONGEST_SIDE) -> Image:
    """The picture with its longest side at ``longest_side`` pixels or below, averaged; smaller ones as they are."""
    scale = longest_side / max(image.shape)
    if scale >= 1:
        return image
    width, height = (max(round(side * scale), 1) for side in image.shape[::-1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _margins(image: NDArray[np.uint8]) -> tuple[int, int]:
    """How many rows at the top and at the bottom are margin."""
    if not image.size:
        return 0, 0
    some = image[:, :: max(image.shape[1] // ROW_SAMPLES, 1)]
    low, middle, high = np.percentile(some, (5, 50, 95), axis=1)
    outside = (high - low <= COLLIMATED_RANGE) & ((middle <= COLLIMATED_DARK) | (middle >= COLLIMATED_BRIGHT))
    inside = np.flatnonzero(~outside)
    if not len(inside):
        return len(outside), 0
    spread, turned = high - low, 255 - middle
    above = max(int(inside[0]), _fading(middle, spread), _fading(turned, spread))
    below = max(len(outside) - 1 - int(inside[-1]), *(_fading(m[::-1], spread[::-1]) for m in (middle, turned)))
    return (above, below) if above + below < len(outside) else (len(outside), 0)


def _fading(middle: NDArray[np.float64], spread: NDArray[np.float64]) -> int:
    """Rows of a white margin that fades inwards and ends at a sharp edge, 0 without one."""
    rows, step = len(middle), max(round(EDGE_WIDTH * len(middle)), 1)
    beyond = np.flatnonzero((middle < SOFT_BRIGHT) | (spread > SOFT_RANGE))
    first = int(beyond[0]) if len(beyond) else rows
    if not 0 < first <= SOFT_WIDTH * rows or first + step >= rows:
        return 0
    before, behind = float(middle[first - 1]), float(middle[first + step])
    if before - behind < SOFT_DROP or float(middle[0]) - before < SOFT_FADE:
        return 0
    return first + int(np.argmax(middle[first:] < (before + behind) / 2))
