"""From lines along bright bands to the axes of bones: cortices are paired, and an axis may bend once."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.bone_axis.ridges import SIDE, Ridge

Plane = NDArray[np.float32]

SHORTEST_AXIS: Final = 0.2
"""Of the searched picture's longest side."""
SLIMMEST_AXIS: Final = 2.5
"""Length over width."""
AIR: Final = 16
"""Gray levels; at or below there may be no body."""
EDGE: Final = 0.025
"""Of the side: a line that runs so near to the picture's edge is the edge of a margin."""
PARALLEL: Final = 14.0
"""Degrees between the two cortices of one bone."""
SHARED_LENGTH: Final = 0.5
"""Of the longer cortex, along which the other runs beside it."""
WIDEST_BONE: Final = 0.28
"""Of the side."""
MARROW: Final = 0.15
"""Contrast of what lies between two cortices over what lies outside; between two bones there is soft tissue."""
SHORTEST_PART: Final = 0.25
"""Of an axis; a bend nearer to its end is the bone's own flare."""
SHARPEST_BEND: Final = 50.0
"""Degrees; what bends more is a joint between two bones."""
LARGEST_RESIDUE: Final = 0.02
"""Root mean square distance from the fitted axis over its length; outlines of joints are rounder."""
LEAST_SYMMETRY: Final = 0.3
"""Of a single band: its fall on one side over that on the other; skin and casts fall on one side only."""
SMALLEST_GAIN: Final = 0.5
"""Of the squared distances to one straight line that two lines must save."""


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """The axis of one bone: two ends, and where it bends; in pixels of the searched picture."""

    corners: NDArray[np.float64]
    """(x, y) rows: first end, bend, other end; or the two ends alone."""
    width: float

    @property
    def length(self) -> float:
        """Along its parts."""
        return float(np.hypot(*np.diff(self.corners, axis=0).T).sum())

    @property
    def angulation(self) -> float:
        """Degrees by which the second part leaves the direction of the first; 0 for a straight axis."""
        if len(self.corners) < 3:
            return 0.0
        first, second = np.diff(self.corners, axis=0)
        turn = np.arctan2(first[0] * second[1] - first[1] * second[0], first @ second)
        return float(abs(np.degrees(turn)))


def find_axes(ridges: list[Ridge], gray: Plane, tone: Plane) -> list[Axis]:
    """The axes of long bones, longest first.

    Args:
        ridges: Of ``find_ridges``, longest first.
        gray: The searched picture.
        tone: The same, contrast made even.
    """
    height, width = tone.shape
    body = gray[gray > AIR]
    usual = float(np.median(body)) if body.size else 0.0
    lines = [
        ridge
        for ridge in ridges
        if ridge.length >= SHORTEST_AXIS * SIDE / 2
        and not _at_edge(ridge, width, height)
        and np.nanmedian(_levels(gray, ridge.points)) >= usual
    ]
    bones = [
        bone
        for bone in _paired(lines, tone)
        if bone.length >= SHORTEST_AXIS * SIDE
        and (all(bone is not line for line in lines) or _symmetry(bone, gray) >= LEAST_SYMMETRY)
    ]
    slim = [axis for bone in bones for axis in _fitted(bone) if axis.length >= SLIMMEST_AXIS * axis.width]
    return sorted(slim, key=lambda axis: -axis.length)


def _symmetry(ridge: Ridge, gray: Plane) -> float:
    """The smaller over the larger fall of the gray level beside a band: 1 if alike, 0 at the picture's edge."""
    direction = _direction(ridge)
    normal = np.array((-direction[1], direction[0]))
    here = _levels(gray, ridge.points)
    falls = [here - _levels(gray, ridge.points + side * ridge.width * normal) for side in (1, -1)]
    if not all(np.isfinite(fall).any() for fall in falls):
        return 0.0
    levels = [float(np.nanmedian(fall)) for fall in falls]
    return min(levels) / max(*levels, 1.0)


def _levels(plane: Plane, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values at points, NaN outside of the picture."""
    x, y = np.rint(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < plane.shape[1]) & (y < plane.shape[0])
    values = np.full(len(points), np.nan)
    values[inside] = plane[y[inside], x[inside]]
    return values


def _at_edge(ridge: Ridge, width: int, height: int) -> bool:
    x, y = ridge.points.T
    near = np.minimum.reduce([x, y, width - 1 - x, height - 1 - y]) < EDGE * SIDE
    return bool(near.mean() > 0.6)


def _paired(lines: list[Ridge], tone: Plane) -> list[Ridge]:
    """Lines with each pair of cortices replaced by the line between them, and lines inside a bone left out."""
    left = list(lines)
    merged: list[Ridge] = []
    while left:
        line = left.pop(0)
        for other in left:
            between = _between(line, other, tone)
            if between is not None:
                left = [rest for rest in left if rest is not other and not _inside(rest, between)]
                line = between
                break
        if not any(_inside(line, bone) for bone in merged):
            merged.append(line)
    return merged


def _between(first: Ridge, second: Ridge, tone: Plane) -> Ridge | None:
    """The line half-way between two cortices, None if they are not of one bone."""
    direction, other = (_direction(ridge) for ridge in (first, second))
    if abs(float(direction @ other)) < np.cos(np.radians(PARALLEL)):
        return None
    middle = first.points.mean(axis=0)
    normal = np.array((-direction[1], direction[0]))
    along, aside = (first.points - middle) @ direction, (first.points - middle) @ normal
    other_along, other_aside = (second.points - middle) @ direction, (second.points - middle) @ normal
    low, high = max(along.min(), other_along.min()), min(along.max(), other_along.max())
    if high - low < SHARED_LENGTH * max(first.length, second.length):
        return None
    steps = np.arange(low, high + 1e-9, 2.0)
    here, there = _interpolated(steps, along, aside), _interpolated(steps, other_along, other_aside)
    gap = np.abs(there - here)
    if not max(first.width, second.width) < np.median(gap) < WIDEST_BONE * SIDE or gap.min() < 0.3 * np.median(gap):
        return None
    outward = np.sign(here - there) * gap * 0.6

    def level(offset: NDArray[np.float64]) -> NDArray[np.float64]:
        return _levels(tone, middle + steps[:, np.newaxis] * direction + offset[:, np.newaxis] * normal)

    inner = (here + there) / 2
    outside = [level(here + outward), level(there - outward)]
    # A bone is brighter inside than the soft tissue on either side of it.
    rises = [np.nanmedian(level(inner) - one) if np.isfinite(one).any() else np.nan for one in outside]
    if not np.isfinite(rises).any() or np.nanmin(rises) < MARROW:
        return None
    points = middle + steps[:, np.newaxis] * direction + inner[:, np.newaxis] * normal
    return Ridge(points, float(np.median(gap)), min(first.strength, second.strength))


def _interpolated(
    at: NDArray[np.float64], along: NDArray[np.float64], aside: NDArray[np.float64]
) -> NDArray[np.float64]:
    order = np.argsort(along)
    return np.interp(at, along[order], aside[order])


def _inside(line: Ridge, bone: Ridge) -> bool:
    """Whether most of a line runs along a bone, within its width."""
    distance = np.hypot(*(line.points[:, np.newaxis] - bone.points[np.newaxis]).transpose(2, 0, 1)).min(axis=1)
    return bool((distance < 0.65 * bone.width).mean() > 0.5)


def _direction(ridge: Ridge) -> NDArray[np.float64]:
    _, _, axes = np.linalg.svd(ridge.points - ridge.points.mean(axis=0), full_matrices=False)
    return np.asarray(axes[0])


def _fitted(line: Ridge) -> list[Axis]:
    """One axis, of two parts if they fit much better; two axes if they meet as in a joint; none of a round line."""
    points, count = line.points, len(line.points)
    fewest = max(int(SHORTEST_PART * count), 3)
    straight, error = _straight(points)
    least, bend = min(
        ((_straight(points[:at])[1] + _straight(points[at:])[1], at) for at in range(fewest, count - fewest + 1)),
        default=(error, 0),
    )
    if least > (1 - SMALLEST_GAIN) * error or error / count < 1.0:
        least, axes = error, [Axis(straight, line.width)]
    else:
        first, second = _straight(points[:bend])[0], _straight(points[bend:])[0]
        axes = [Axis(np.array((first[0], (first[1] + second[0]) / 2, second[1])), line.width)]
        if axes[0].angulation > SHARPEST_BEND:
            axes = [Axis(ends, line.width) for ends in (first, second)]
    return axes if np.sqrt(least / count) <= LARGEST_RESIDUE * line.length else []


def _straight(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The ends of the line nearest to points, and the sum of their squared distances from it."""
    middle = points.mean(axis=0)
    _, lengths, axes = np.linalg.svd(points - middle, full_matrices=False)
    along = (points - middle) @ axes[0]
    if along[-1] < along[0]:
        axes, along = -axes, -along
    return middle + np.outer((along.min(), along.max()), axes[0]), float(lengths[1] ** 2)
