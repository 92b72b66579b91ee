"""Bright bands of a radiograph as lines: where they run, how wide and how clear they are."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import Image

Plane = NDArray[np.float32]

SIDE: Final = 320
"""The longest side of the picture that is searched, in pixels."""
SCALES: Final = (3.0, 4.5, 6.5, 9.5, 13.5)
"""Standard deviations, in pixels; a band of width w answers most at w / 2 / sqrt(3)."""
WIDTH_PER_SCALE: Final = 2 * 3**0.5
NEIGHBOURHOOD: Final = 0.09
"""Of the side: wider bands, such as the limb itself, are evened out."""
FAINTEST: Final = 5.0
"""Gray levels; what varies less is noise."""
SMALLEST_STRENGTH: Final = 0.3
"""Of the scale's second derivative across a band, contrast made even."""
LARGEST_BEND: Final = 0.45
"""Second derivative along over that across; a spot has 1, a straight band 0."""
SMALLEST_PIECE: Final = 12
"""Pixels of a line."""


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """A line along a band, ordered from one end to the other; in pixels of the searched picture."""

    points: NDArray[np.float64]
    """(x, y) rows, shape (n, 2)."""
    width: float
    """Of the band, median."""
    strength: float
    """Median."""

    @property
    def length(self) -> float:
        """From end to end."""
        return float(np.hypot(*(self.points[-1] - self.points[0])))


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """What was found, and in what picture."""

    ridges: list[Ridge]
    """Longest first."""
    gray: Plane
    tone: Plane
    """``gray`` with its contrast made even."""
    scale: float
    """Its pixels to one of the image."""


def find_ridges(image: Image) -> Searched:
    """Lines along bright bands.

    Source: Steger, IEEE PAMI 1998;20:113-125 (lines from second derivatives); Lindeberg, IJCV 1998;30:117-156 (scales).
    """
    scale = min(SIDE / max(image.shape), 1.0)
    width, height = (max(round(side * scale), 4) for side in image.shape[::-1])
    reduced = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    tone = _even(reduced)
    strength, normal, size = _bands(tone)
    crest = _crest(strength, normal)
    count, labels = cv2.connectedComponents(crest.astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(labels)
    order = np.argsort(labels[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    bounds = np.searchsorted(labels[rows, columns], np.arange(1, count + 1))
    ridges = []
    for first, last in pairwise(bounds.tolist()):
        y, x = rows[first:last], columns[first:last]
        if len(x) >= SMALLEST_PIECE:
            points = np.column_stack((x, y)).astype(np.float64)
            ridges.append(Ridge(_ordered(points), float(np.median(size[y, x])), float(np.median(strength[y, x]))))
    return Searched(sorted(ridges, key=lambda ridge: -ridge.length), reduced, tone, scale)


def _even(gray: Plane) -> Plane:
    sigma = NEIGHBOURHOOD * SIDE
    difference = gray - cv2.GaussianBlur(gray, (0, 0), sigma)
    return np.asarray(difference / (np.sqrt(cv2.GaussianBlur(difference**2, (0, 0), sigma)) + FAINTEST), np.float32)


def _bands(tone: Plane) -> tuple[Plane, Plane, Plane]:
    """At each pixel: how clear the clearest band is, the angle across it, and its width."""
    best = np.zeros(tone.shape, np.float32)
    angle, width = np.zeros_like(best), np.zeros_like(best)
    for sigma in SCALES:
        smooth = cv2.GaussianBlur(tone, (0, 0), sigma)
        across = cv2.Sobel(smooth, cv2.CV_32F, 2, 0, ksize=3) / 4
        down = cv2.Sobel(smooth, cv2.CV_32F, 0, 2, ksize=3) / 4
        mixed = cv2.Sobel(smooth, cv2.CV_32F, 1, 1, ksize=3) / 4
        half, root = (across + down) / 2, np.sqrt(((across - down) / 2) ** 2 + mixed**2)
        least, most = half - root, half + root
        clear = np.where((least < 0) & (np.abs(most) < LARGEST_BEND * -least), -least * sigma**2, 0).astype(np.float32)
        better = clear > best
        best[better] = clear[better]
        angle[better] = (np.arctan2(2 * mixed, across - down) / 2 + np.pi / 2)[better]
        width[better] = sigma * WIDTH_PER_SCALE
    return best, angle, width


def _crest(strength: Plane, normal: Plane) -> NDArray[np.bool_]:
    """Pixels that no neighbour across the band exceeds."""
    rows, columns = strength.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    step_x, step_y = np.cos(normal), np.sin(normal)
    top = strength >= SMALLEST_STRENGTH
    for direction in (1, -1):
        beside = cv2.remap(strength, x + direction * step_x, y + direction * step_y, cv2.INTER_LINEAR)
        top &= strength >= beside
    return np.asarray(top, np.bool_)


def _ordered(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along the main direction, averaged over steps of two pixels."""
    middle = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    along = (points - middle) @ axes[0]
    bins = np.floor((along - along.min()) / 2).astype(int)
    counts = np.bincount(bins)
    means = np.column_stack([np.bincount(bins, points[:, k]) / np.maximum(counts, 1) for k in range(2)])
    return means[counts > 0]
