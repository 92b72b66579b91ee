"""The scan geometry of an ultrasound picture: where its beams run, and the picture unrolled along them.

Curved and phased probes send their beams out like a fan, linear ones side by side. Unrolled, every beam is a column and
every depth a row: what lies across the beams is level, and what an echo casts behind it is upright.
"""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import Image

Array: TypeAlias = NDArray[np.float32]

DARK: Final = 4
"""Gray levels over the darkest part of the picture's border, from which a pixel belongs to the scan."""
EDGE_MARGIN: Final = 3
"""Pixels from the picture's side within which the scan's edge is cut off and says nothing."""
FEWEST_EDGE_ROWS: Final = 0.18
"""Part of the picture's height on which a straight edge must be seen."""
EDGE_TOLERANCE: Final = 1.5
"""Pixels between a straight edge and the points on it."""
SLOPE_RANGE: Final = (0.08, 1.4)
"""Columns per row of a fan's edge: steeper ones are a linear probe's, flatter ones no edge."""
DEPTHS: Final = 256
"""Rows of an unrolled picture."""
BEAMS: Final = 128
"""Columns of an unrolled picture."""
SEARCH_SIDE: Final = 256
"""The geometry is searched at this size."""
GUESSED_SLOPES: Final = (0.0, 0.15, 0.3, 0.45)
"""Of the edges of a fan whose edges are cut off: the one is taken whose beams differ most from one another."""


CLEARLY: Final = 1.15
"""How much more the beams of a wider fan must differ."""


@dataclass(frozen=True, slots=True)
class Fan:
    """Beams from one point; pixels of the picture. Parallel beams are a fan whose apex is very far above."""

    apex_x: float
    apex_y: float
    first_angle: float
    """Of the leftmost beam to the vertical, radians, to the right positive."""
    last_angle: float
    near: float
    """Distance from the apex at which the picture begins."""
    far: float
    """Distance from the apex at which the picture ends."""
    seen: bool
    """Whether the edges were seen; else the fan is the likeliest of a few."""

    @property
    def depth_step(self) -> float:
        """Pixels of the picture from one row of the unrolled picture to the next."""
        return (self.far - self.near) / DEPTHS

    def to_picture(self, beam: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.float64]:
        """From the unrolled picture's column and row to (x, y) in the picture, shape (n, 2)."""
        angle = self.first_angle + (beam + 0.5) / BEAMS * (self.last_angle - self.first_angle)
        radius = self.near + (depth + 0.5) / DEPTHS * (self.far - self.near)
        return np.stack((self.apex_x + radius * np.sin(angle), self.apex_y + radius * np.cos(angle)), axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class Unrolled:
    """A picture along its beams."""

    image: Array
    """Gray levels, shape (DEPTHS, BEAMS); 0 outside of the picture."""
    inside: NDArray[np.bool_]
    """Where the picture shows the scan."""
    fan: Fan


def unroll(image: Image) -> Unrolled | None:
    """The picture along its beams, or None if nothing in it looks like a scan.

    Args:
        image: Gray, shape (height, width), uint8; the picture area alone.
    """
    if min(image.shape) < 48:
        return None
    scale = min(SEARCH_SIDE / max(image.shape), 1.0)
    size = (max(round(image.shape[1] * scale), 8), max(round(image.shape[0] * scale), 8))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image, np.uint8)
    found = _scan_mask(small)
    if found is None:
        return None
    mask, lit = found
    fan = _find_fan(small, mask, lit)
    if fan is None:
        return None
    unrolled, inside = _sample(small, mask, fan)
    factor_x, factor_y = image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]
    factor = factor_y  # as the apex is, which may be very far above
    full = Fan(
        apex_x=(fan.apex_x + 0.5) * factor_x - 0.5,
        apex_y=(fan.apex_y + 0.5) * factor_y - 0.5,
        first_angle=fan.first_angle,
        last_angle=fan.last_angle,
        near=fan.near * factor,
        far=fan.far * factor,
        seen=fan.seen,
    )
    return Unrolled(unrolled, inside, full)


def _scan_mask(small: Image) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """The convex hull of the largest lit region, and the region; None if it is tiny."""
    smooth = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.uint8)
    border = np.concatenate((smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]))
    ground = int(np.percentile(border, 5))
    lit = (smooth > min(ground, 40) + DARK).astype(np.uint8)
    lit = cv2.morphologyEx(lit, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))  # type: ignore[assignment]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lit, connectivity=4)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    if stats[largest, cv2.CC_STAT_AREA] < 0.12 * small.size:
        return None
    region = (labels == largest).astype(np.uint8)
    contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(max(contours, key=len))
    filled = np.zeros_like(region)
    cv2.fillConvexPoly(filled, hull, 1)
    return np.asarray(filled, np.bool_), np.asarray(region, np.bool_)


def _find_fan(small: Image, mask: NDArray[np.bool_], lit: NDArray[np.bool_]) -> Fan | None:
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) < 32:
        return None
    left = np.argmax(mask, axis=1).astype(np.float64)
    right = (mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)).astype(np.float64)
    left_line = _edge(rows, left[rows], -1, mask.shape)
    right_line = _edge(rows, right[rows], 1, mask.shape)
    top, width = float(rows[0]), float(mask.shape[1])
    middle = (float(np.median(left[rows[:8]])) + float(np.median(right[rows[:8]]))) / 2
    if left_line is None and right_line is not None:
        left_line = (2 * middle - right_line[0], -right_line[1])
    if right_line is None and left_line is not None:
        right_line = (2 * middle - left_line[0], -left_line[1])
    if left_line is not None and right_line is not None:
        return _fan(left_line, right_line, mask, lit, seen=True)
    columns = np.flatnonzero(mask.any(axis=0))
    first, last = float(columns[0]), float(columns[-1])
    best: Fan | None = None
    most = -1.0
    for slope in GUESSED_SLOPES:
        inset = slope * (rows[-1] - top) * 0.5
        at_top = (first + inset, last - inset) if slope else (first, last)
        if at_top[1] - at_top[0] < 0.25 * width:
            continue
        fan = _fan((at_top[0] + slope * top, -slope), (at_top[1] - slope * top, slope), mask, lit, seen=False)
        if fan is None:
            continue
        streaks = _streaks(*_sample(small, mask, fan))
        if streaks > most * CLEARLY:
            best, most = fan, streaks
    return best


def _edge(
    rows: NDArray[np.int64], columns: NDArray[np.float64], side: int, shape: tuple[int, ...]
) -> tuple[float, float] | None:
    """The scan's straight slanted edge, column = offset + slope * row, or None."""
    off = columns > EDGE_MARGIN if side < 0 else columns < shape[1] - 1 - EDGE_MARGIN
    y, x = rows[off].astype(np.float64), columns[off]
    fewest = FEWEST_EDGE_ROWS * shape[0]
    if len(y) < fewest:
        return None
    best, most = None, 0.0
    step = max(len(y) // 24, 1)
    chosen = range(0, len(y), step)
    for a in chosen:
        for b in chosen:
            if y[b] - y[a] < fewest / 2:
                continue
            slope = (x[b] - x[a]) / (y[b] - y[a])
            if not SLOPE_RANGE[0] <= slope * side <= SLOPE_RANGE[1]:
                continue
            on = np.abs(x - x[a] - slope * (y - y[a])) <= EDGE_TOLERANCE
            if on.sum() > most:
                best, most = on, float(on.sum())
    if best is None or most < fewest:
        return None
    slope, offset = np.polyfit(y[best], x[best], 1)
    return float(offset), float(slope)


def _fan(
    left: tuple[float, float],
    right: tuple[float, float],
    mask: NDArray[np.bool_],
    lit: NDArray[np.bool_],
    *,
    seen: bool,
) -> Fan | None:
    spread = right[1] - left[1]
    rows, columns = np.nonzero(mask & lit)
    if spread < 0.02:  # parallel beams: an apex very far above
        left, right = (left[0], left[1] - 1e-4), (right[0], right[1] + 1e-4)
        spread = right[1] - left[1]
    apex_y = (left[0] - right[0]) / spread
    apex_x = left[0] + left[1] * apex_y
    distance = np.hypot(columns - apex_x, rows - apex_y)
    if apex_y > rows.min() + 0.4 * (rows.max() - rows.min()):
        return None
    near = float(np.percentile(distance, 0.5)) if apex_y < rows.min() else 0.0
    far = float(np.percentile(distance, 99.8))
    if far - near < 32:
        return None
    return Fan(apex_x, apex_y, math.atan(left[1]), math.atan(right[1]), near, far, seen)


def _sample(small: Image, mask: NDArray[np.bool_], fan: Fan) -> tuple[Array, NDArray[np.bool_]]:
    depth, beam = np.meshgrid(np.arange(DEPTHS, dtype=np.float64), np.arange(BEAMS, dtype=np.float64), indexing="ij")
    points = fan.to_picture(beam, depth).astype(np.float32)
    sampled = cv2.remap(small, points[..., 0], points[..., 1], cv2.INTER_LINEAR, borderValue=0)
    covered = cv2.remap(mask.astype(np.uint8), points[..., 0], points[..., 1], cv2.INTER_NEAREST, borderValue=0)
    return np.asarray(sampled, np.float32), np.asarray(covered, np.uint8).astype(np.bool_)


def _streaks(image: Array, inside: NDArray[np.bool_]) -> float:
    """How much the beams differ in the lower part: most if they run along shadows and streaks."""
    lower, seen = image[DEPTHS // 3 :], inside[DEPTHS // 3 :]
    counts = seen.sum(axis=0)
    beams = (lower * seen).sum(axis=0) / np.maximum(counts, 1)
    beams = beams[counts > 30]
    return float(np.abs(np.diff(beams)).mean() / (beams.mean() + 1)) if len(beams) > 16 else 0.0
