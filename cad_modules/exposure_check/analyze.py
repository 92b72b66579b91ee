"""Check how a radiograph is exposed and shown."""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay
from cad_modules.radiograph import INVERTED_BELOW, SMALLEST_FIELD, exposed_field, polarity, reduced

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
AIR: Final = 16
"""At or below it there may be no body."""
DARKEST_BODY: Final = {"xr_chest": 0.42, "xr_knee": 0.42, "xr_extremity": 0.17}
"""Median of the body over white: 95 of 100 training radiographs lie above; chests and knees under gamma 3 have 0.3."""

SHARPNESS_SIDE: Final = 512
FINE_SIGMA: Final = 0.8
COARSE_SIGMA: Final = 2.5
"""Pixels at ``SHARPNESS_SIDE``."""
BLURRED_SCORE: Final = 0.05
"""Of the score is left to a picture that is blurred and nothing else."""
FLOOR: Final = 0.2
"""Keeps a flat picture from dividing by nothing."""
DIRECTIONS: Final = ((1, 0), (0, 1), (1, 1), (1, -1))
BLURRED: Final = 1.1
SHARP: Final = 0.25
"""Energy of the finer over that of the coarser gradients, in the direction where it is least: a blur leaves 1.

Val split: median 1.99, 5th percentile 1.45; blurred by a Gaussian of 0.6 % of the side 1.2, moved by 4 % of it 1.1."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Rate exposure, polarity and sharpness of the exposed field.

    Args:
        image: Gray, shape (height, width), uint8; bone white, air black.
        context: The category chooses what a right polarity looks like.

    Returns:
        ``exposure_score`` (0 to 1): the product of range, brightness, mid-tones, white clipping, polarity and
        sharpness; ``clipped_fraction``, pixels of the field at either end of the gray scale; ``collimated_fraction``,
        part of the picture outside of the field (straight black or white margins); ``sharpness`` (0 blurred or moved,
        1 sharp); ``inverted_probability``, that bone is shown black. Overlay: box ``exposed_field``.

    Source: the parts follow the image criteria of the European guidelines on quality criteria for diagnostic
    radiographic images (EUR 16260, 1996); the constants are from the training pictures.
    """
    top, bottom, left, right = exposed_field(image)
    field = image[top:bottom, left:right]
    collimated = Finding("collimated_fraction", 1 - field.size / image.size, "1")
    if field.size < SMALLEST_FIELD * image.size:
        return Findings((Finding("exposure_score", 0.0, "1"), Finding("clipped_fraction", 1.0, "1"), collimated))
    small, sharpness = reduced(field), field_sharpness(image, (top, bottom, left, right))
    usual = polarity(small, chest=context.category == "xr_chest")
    sharp = BLURRED_SCORE + (1 - BLURRED_SCORE) * sharpness
    score = tone_score(small) * body_brightness(small, context.category) * usual * sharp
    return Findings(
        findings=(
            Finding("exposure_score", score, "1"),
            Finding("clipped_fraction", float(np.mean((field <= BLACK) | (field >= WHITE))), "1"),
            collimated,
            Finding("sharpness", sharpness, "1"),
            Finding("inverted_probability", 1 - usual, "1"),
        ),
        overlays=(Overlay("box", "exposed_field", ((float(left), float(top)), (right - 1.0, bottom - 1.0))),),
        doubt="bone is shown black and air white" if 1 - usual > 1 - INVERTED_BELOW else "",
    )


def body_brightness(field: Image, category: str) -> float:
    """1 for a body as bright as usual, less the darker it is."""
    body = field[field > AIR]
    darkest = DARKEST_BODY.get(category, min(DARKEST_BODY.values()))
    return min(float(np.median(body)) / 255 / darkest, 1.0) ** 3 if body.size else 0.0


def field_sharpness(image: Image, box: tuple[int, int, int, int]) -> float:
    """0 for a blurred or moved picture, near 1 for a sharp one: least sharp direction of the exposed field.

    Args:
        image: Gray, shape (height, width).
        box: The field: top, bottom, left, right.
    """
    small = reduced(image, SHARPNESS_SIDE)
    scale = small.shape[0] / image.shape[0], small.shape[1] / image.shape[1]
    rows = slice(round(box[0] * scale[0]), max(round(box[1] * scale[0]), round(box[0] * scale[0]) + 1))
    columns = slice(round(box[2] * scale[1]), max(round(box[3] * scale[1]), round(box[2] * scale[1]) + 1))
    field, size = small[rows, columns].astype(np.float32), max(small.shape) / SHARPNESS_SIDE
    fine = np.asarray(cv2.GaussianBlur(field, (0, 0), FINE_SIGMA * max(size, 0.5)), np.float32)
    coarse = np.asarray(cv2.GaussianBlur(field, (0, 0), COARSE_SIGMA * max(size, 0.5)), np.float32)
    least = min(_energy(fine, *step) / (_energy(coarse, *step) + FLOOR) for step in DIRECTIONS)
    return 1 - math.exp(-((max(least - BLURRED, 0.0) / SHARP) ** 2))


def _energy(field: NDArray[np.float32], across: int, down: int) -> float:
    """Mean square of central differences along one direction."""
    kernel = np.zeros((3, 3), np.float32)
    kernel[1 + down, 1 + across], kernel[1 - down, 1 - across] = 1, -1
    difference = cv2.filter2D(field, -1, kernel)
    return float(np.mean(difference**2))


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
