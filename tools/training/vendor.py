"""Ultrasound pictures as another vendor's machine would have made them: gain over depth, tone, grain, aspect, edges."""

from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

MARGIN: Final = (1.15, 3.5)
"""A picture cut out around a finding is so many times as wide and high as the finding."""


def change_vendor(image: Image, other: Image, rng: Generator) -> Image:
    """The gray picture with gain, tone, grain and aspect changed at random.

    Args:
        image: Gray, (h, w).
        other: Gray ultrasound picture of any kind whose spread of gray levels may be taken over.
        rng: Gives every choice.

    Returns:
        Gray, of another aspect.
    """
    if rng.random() < 0.35:
        image = match_levels(image, other, float(rng.uniform(0.4, 1.0)))
    if rng.random() < 0.5:
        image = _gain(image, rng)
    choice = rng.random()
    if choice < 0.3:
        image = _regrain(image, rng)
    elif choice < 0.45:  # smoothing as "speckle reduction" does
        image = np.asarray(cv2.medianBlur(image, int(rng.choice([3, 5]))), np.uint8)
    if rng.random() < 0.5:
        height, width = image.shape
        stretch = float(np.exp(rng.uniform(-0.35, 0.35)))
        size = max(16, round(width * np.sqrt(stretch))), max(16, round(height / np.sqrt(stretch)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    if rng.random() < 0.15:
        image = _fade_edges(image, rng)
    return image


def crop_around(image: Image, finding: Mask, rng: Generator) -> Image:
    """A gray picture cut to its finding and some of the tissue around it, as other collections are cut."""
    rows, columns = np.flatnonzero(finding.any(axis=1)), np.flatnonzero(finding.any(axis=0))
    if not rows.size:
        return image
    height, width = image.shape
    y, x = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
    spans = float(np.ptp(rows)), float(np.ptp(columns))
    tall, wide = (float(rng.uniform(*MARGIN)) * max(24.0, span) / 2 for span in spans)
    y0, y1 = max(0, int(y - tall * rng.uniform(0.6, 1.4))), min(height, int(y + tall * rng.uniform(0.6, 1.4)))
    x0, x1 = max(0, int(x - wide * rng.uniform(0.6, 1.4))), min(width, int(x + wide * rng.uniform(0.6, 1.4)))
    return image[y0:y1, x0:x1] if min(y1 - y0, x1 - x0) >= 16 else image


def match_levels(image: Image, other: Image, share: float) -> Image:
    """The picture with its gray levels brought to the other's spread, by this share of the way (histogram matching)."""
    counts = [np.cumsum(np.bincount(one.ravel(), minlength=256)) / one.size for one in (image, other)]
    matched = np.minimum(np.searchsorted(counts[1], counts[0] - 1e-9), 255)
    table = (1 - share) * np.arange(256) + share * matched
    return np.asarray(cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8)), np.uint8)


def _gain(image: Image, rng: Generator) -> Image:
    """Another setting of the sliders for gain over depth, and a side with poor contact."""
    height, width = image.shape
    sliders = np.exp(rng.normal(0, 0.35, (int(rng.integers(3, 8)), 1))).astype(np.float32)
    gain = cv2.resize(sliders, (1, height), interpolation=cv2.INTER_LINEAR)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    if rng.random() < 0.3:
        gain = gain * np.clip(1 - float(rng.uniform(0.2, 0.9)) * np.abs(across + rng.uniform(-1, 1)), 0.05, 1)
    return np.asarray(np.clip(image * gain, 0, 255), np.uint8)


def _regrain(image: Image, rng: Generator) -> Image:
    """The picture's own grain smoothed away and another put on."""
    height, width = image.shape
    smooth = cv2.bilateralFilter(image, 5, float(rng.uniform(20, 80)), 3).astype(np.float32)
    parts = rng.standard_normal((2, height, width), dtype=np.float32)
    across, along = float(rng.uniform(0.5, 2.2)), float(rng.uniform(0.4, 1.2))
    envelope = np.hypot(*(cv2.GaussianBlur(part, (0, 0), across, sigmaY=along) for part in parts))
    grain = np.log(envelope / envelope.mean() + 0.08)
    grained = smooth * (1 + (grain - grain.mean()) * float(rng.uniform(0.08, 0.4)))
    return np.asarray(np.clip(grained, 0, 255), np.uint8)


def _fade_edges(image: Image, rng: Generator) -> Image:
    height, width = image.shape
    reach = float(rng.uniform(0.02, 0.12))
    down = np.minimum(np.arange(height) + 1, np.arange(height)[::-1] + 1) / (reach * height)
    across = np.minimum(np.arange(width) + 1, np.arange(width)[::-1] + 1) / (reach * width)
    return np.asarray(np.clip(image * np.clip(down, 0, 1)[:, None] * np.clip(across, 0, 1)[None, :], 0, 255), np.uint8)
