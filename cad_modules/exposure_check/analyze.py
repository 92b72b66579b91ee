"""Check how a radiograph is exposed and shown."""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay

LONGEST_SIDE: Final = 256

COLLIMATED_RANGE: Final = 8
"""Gray levels between the 5th and the 95th percentile of a row or column that lies outside of the field."""
COLLIMATED_DARK: Final = 14
COLLIMATED_BRIGHT: Final = 241
ROW_SAMPLES: Final = 100
"""Pixels looked at in each row and column; a margin is uniform, so these are enough."""
SMALLEST_FIELD: Final = 0.02
"""Of the picture; with less there is no radiograph to rate."""

BLACK: Final = 1
WHITE: Final = 254
"""A pixel at or beyond these is clipped."""

FULL_RANGE: Final = 130.0
"""From the 2nd to the 98th percentile; nearly all training radiographs reach it."""
FULL_BRIGHTNESS: Final = 150.0
"""98th percentile: bone and soft tissue are bright in a radiograph that is exposed and windowed well."""
TOLERABLE_WHITE: Final = 0.20
"""Part of the field that is clipped white; an extent like this halves the score."""
MID_TONES: Final = (40, 250)
ENOUGH_MID_TONES: Final = 0.25
"""Part of the field between black and white; less is under- or overexposed."""

POLARITY_CHEST: Final = {"middle_over_sides": 3.15, "mean": 4.91, "bottom_over_top": 5.19}
POLARITY_BONE: Final = {"middle_over_sides": 4.31, "middle_over_border": 3.60}
"""Weights of a logistic regression, positive polarity against the same pictures inverted, without a constant term.

Fitted in 2026 on the train split of JSRT, ChestX-ray14 (chest) and OSAIL knees, bone break, MedNIST hand (bone)."""
POLARITY_SLOPE: Final = 3.0
"""Makes the regression decide sharper: the score shall fall for a wrong polarity, not for an unusual view."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Rate exposure and polarity of the exposed field.

    Args:
        image: Gray, shape (height, width), uint8; bone white, air black.
        context: The category chooses what a right polarity looks like.

    Returns:
        ``exposure_score`` (0 to 1): the product of range, brightness, mid-tones, white clipping and polarity;
        ``clipped_fraction``, pixels of the field at either end of the gray scale; ``collimated_fraction``, part of the
        picture outside of the field (straight, uniformly black or white margins). Overlay: box ``exposed_field``.

    Source: the parts follow the image criteria of the European guidelines on quality criteria for diagnostic
    radiographic images (EUR 16260, 1996); the constants are from the training pictures.
    """
    top, bottom, left, right = exposed_field(image)
    field = image[top:bottom, left:right]
    collimated = Finding("collimated_fraction", 1 - field.size / image.size, "1")
    if field.size < SMALLEST_FIELD * image.size:
        return Findings((Finding("exposure_score", 0.0, "1"), Finding("clipped_fraction", 1.0, "1"), collimated))
    small = _reduced(field)
    score = tone_score(small) * polarity(small, chest=context.category == "xr_chest")
    return Findings(
        findings=(
            Finding("exposure_score", score, "1"),
            Finding("clipped_fraction", float(np.mean((field <= BLACK) | (field >= WHITE))), "1"),
            collimated,
        ),
        overlays=(Overlay("box", "exposed_field", ((float(left), float(top)), (right - 1.0, bottom - 1.0))),),
    )


def exposed_field(image: Image) -> tuple[int, int, int, int]:
    """First and past-the-last row and column of the field inside uniform margins: top, bottom, left, right."""
    top, bottom, left, right = 0, image.shape[0], 0, image.shape[1]
    for _ in range(2):  # the second look sees the margins without the corners of the other pair
        above, below = _margins(image[top:bottom, left:right])
        top, bottom = top + above, bottom - below
        before, behind = _margins(image[top:bottom, left:right].T)
        left, right = left + before, right - behind
    return top, bottom, left, right


def tone_score(field: Image) -> float:
    """How the field uses the gray scale, 0 to 1."""
    low, high = map(float, np.percentile(field, (2, 98)))
    white = float(np.mean(field >= WHITE))
    mid_tones = float(np.mean((field >= MID_TONES[0]) & (field <= MID_TONES[1])))
    return (
        min((high - low) / FULL_RANGE, 1.0) ** 2
        * min(high / FULL_BRIGHTNESS, 1.0) ** 2
        * min(mid_tones / ENOUGH_MID_TONES, 1.0)
        / (1 + (white / TOLERABLE_WHITE) ** 2)
    )


def polarity(field: Image, chest: bool) -> float:
    """Probability that bone is white and air black, from where the field is bright; 0.5 cannot be told."""
    low, high = np.percentile(field, (2, 98))
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
    logit = POLARITY_SLOPE * sum(weight * signs[name] for name, weight in weights.items())
    return 1 / (1 + math.exp(-logit))


def _margins(image: NDArray[np.uint8]) -> tuple[int, int]:
    """How many rows at the top and at the bottom are uniformly black or white."""
    if not image.size:
        return 0, 0
    some = image[:, :: max(image.shape[1] // ROW_SAMPLES, 1)]
    low, middle, high = np.percentile(some, (5, 50, 95), axis=1)
    outside = (high - low <= COLLIMATED_RANGE) & ((middle <= COLLIMATED_DARK) | (middle >= COLLIMATED_BRIGHT))
    inside = np.flatnonzero(~outside)
    return (int(inside[0]), int(len(outside) - 1 - inside[-1])) if len(inside) else (len(outside), 0)


def _reduced(image: Image) -> Image:
    scale = LONGEST_SIDE / max(image.shape)
    if scale >= 1:
        return image
    width, height = (max(round(side * scale), 1) for side in image.shape[::-1])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
