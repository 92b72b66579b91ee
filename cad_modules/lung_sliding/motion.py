"""How much the echoes behind the pleural line change that the chest wall's own motion does not explain."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.beams import BEAMS, DEPTHS
from cad_modules.contract import Image
from cad_modules.pleura import PleuralLine

Array = NDArray[np.float32]
Shift = tuple[float, float]
"""(x, y) in pixels of the picture."""

ABOVE: Final = 36
"""Rows of the chest wall above the pleural line that are looked at; an unrolled picture has 256."""
BELOW: Final = 98
"""Rows behind it."""
CLEAR: Final = 4
"""Rows above the line that are left out, and 6 below it: the line itself, and its error."""
PATCH: Final = (14, 16)
"""Rows and beams of a patch: it holds some speckles."""
FEWEST_PATCHES: Final = 6
FAINTEST: Final = 2.5
"""Standard deviation of a patch's gray levels; fainter ones are shadow and noise."""
FARTHEST: Final = 0.05
"""Of the picture's longer side: how far the chest wall may move between two pictures, each way."""
SMALLEST_TEMPLATE: Final = (12, 24)
"""Rows and columns of chest wall with which its motion can be told."""
NEARLY_WALL: Final = 0.006
"""Of the picture's longer side: how far the motion of the whole may be from that of the chest wall, which breathes."""
AS_WELL: Final = 0.05
"""How much less the chest wall may then have in common under the motion of the whole than under its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The chest wall and the lung about a pleural line, each point at its depth above or below the line."""

    points: Array
    """(x, y) in pixels of the picture, shape (ABOVE + BELOW, BEAMS, 2); row ABOVE lies on the line."""
    valid: NDArray[np.bool_]
    """Within the scan and under the seen part of the line; same rows and beams."""

    @classmethod
    def about(cls, line: PleuralLine) -> "Region":
        """The region about a line."""
        beams = np.arange(BEAMS, dtype=np.float64)
        rows = np.interp(beams, line.beams, line.depths)
        depth = rows + np.arange(-ABOVE, BELOW, dtype=np.float64)[:, np.newaxis]
        points = line.fan.to_picture(np.broadcast_to(beams, depth.shape), depth).astype(np.float32)
        valid = (depth >= 2) & (depth < DEPTHS - 2)
        valid[:, : line.beams[0]] = valid[:, line.beams[-1] + 1 :] = False
        return cls(points, valid)

    def inside(self, image: Image, shift: Shift) -> NDArray[np.bool_]:
        """Which points lie in the picture, before and after a shift."""
        height, width = image.shape
        limits = np.array((width - 3, height - 3))
        moved = self.points + np.array(shift, np.float32)
        both = (self.points > 2) & (self.points < limits) & (moved > 2) & (moved < limits)
        return np.asarray(self.valid & both.all(axis=-1), np.bool_)

    def sampled(self, image: Image, shift: Shift = (0.0, 0.0)) -> Array:
        """Gray levels at the points, shape (ABOVE + BELOW, BEAMS)."""
        x, y = self.points[..., 0] + np.float32(shift[0]), self.points[..., 1] + np.float32(shift[1])
        return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR), np.float32)


def unexplained_change(region: Region, earlier: Image, later: Image) -> float | None:
    """How little the lung's echoes in two pictures have in common, 0 to 2; None where too few can be compared.

    A picture that stands still, that moves as a whole or that moves with the chest wall gives 0: of these motions the
    one is taken, for each patch, under which it has most in common. What is left is motion of the lung against the
    wall, and noise. The median over patches, of one minus their correlation.
    """
    before = region.sampled(earlier)
    whole = _whole_shift(earlier, later)
    shifts: list[Shift] = [(0.0, 0.0)]
    if (wall := _wall_shift(region, earlier, later)) is not None:
        shifts.append(wall)
    wall_rows = np.zeros(region.valid.shape, np.bool_)
    wall_rows[: ABOVE - CLEAR] = True
    insides = [region.inside(earlier, shift) for shift in (*shifts, whole)]
    afters = [region.sampled(later, shift) for shift in (*shifts, whole)]
    alike = [_correlation(before, after, wall_rows & inside) for after, inside in zip(afters, insides, strict=True)]
    allowed = max(alike) - (AS_WELL if wall is not None and _near(whole, wall, earlier) else 0.0)
    if max(alike) <= -1 or alike[-1] < allowed:  # the lung alone may have moved: that is sliding
        afters.pop()
        insides.pop()
    patches = [_patches(before, after, inside) for after, inside in zip(afters, insides, strict=True)]
    best = np.fmax.reduce(patches)
    best = best[np.isfinite(best)]
    return float(1 - np.median(best)) if len(best) >= FEWEST_PATCHES else None


def _patches(before: Array, after: Array, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The correlation of each patch behind the line; NaN where it is not in the picture, or faint."""
    rows, beams = PATCH
    count, first = (BELOW - 6) // rows, ABOVE + 6

    def cut(values: NDArray[np.generic]) -> NDArray[np.float64]:
        part = values[first : first + count * rows].astype(np.float64)
        return part.reshape(count, rows, BEAMS // beams, beams).swapaxes(1, 2).reshape(-1, rows * beams)

    one, other = cut(before), cut(after)
    one -= one.mean(axis=1, keepdims=True)
    other -= other.mean(axis=1, keepdims=True)
    spread = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    result = (one * other).sum(axis=1) / np.maximum(spread, 1e-9)
    faint = np.minimum(one.std(axis=1), other.std(axis=1)) < FAINTEST
    result[faint | (cut(inside).mean(axis=1) < 0.95)] = np.nan
    return np.asarray(result, np.float64)


def _correlation(before: Array, after: Array, where: NDArray[np.bool_]) -> float:
    """Of the points named, -1 to 1; -1 where there are too few."""
    one, other = before[where].astype(np.float64), after[where].astype(np.float64)
    if len(one) < PATCH[0] * PATCH[1] // 2:
        return -1.0
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / norm if norm > 0 else 1.0


def _wall_shift(region: Region, earlier: Image, later: Image) -> Shift | None:
    """How the chest wall moved; None if too little of it is seen."""
    middle = slice(BEAMS * 3 // 16, BEAMS * 13 // 16)
    wall = region.points[: ABOVE - CLEAR, middle][region.valid[: ABOVE - CLEAR, middle]]
    if not len(wall):
        return None
    reach = _reach(earlier)
    height, width = earlier.shape
    left, top = (max(reach, int(edge)) for edge in np.floor(wall.min(axis=0)))
    right, bottom = min(width - reach, int(wall[:, 0].max())), min(height - reach, int(wall[:, 1].max()))
    if bottom - top < SMALLEST_TEMPLATE[0] or right - left < SMALLEST_TEMPLATE[1]:
        return None
    return _match(earlier, later, (left, top, right, bottom), reach)


def _whole_shift(earlier: Image, later: Image) -> Shift:
    """How the picture moved, most of it taken together; on half its size."""
    size = (earlier.shape[1] // 2, earlier.shape[0] // 2)
    one = np.asarray(cv2.resize(earlier, size, interpolation=cv2.INTER_AREA), np.uint8)
    other = np.asarray(cv2.resize(later, size, interpolation=cv2.INTER_AREA), np.uint8)
    reach = _reach(earlier) // 2 + 1
    side = max(reach, size[0] // 6)
    x, y = _match(one, other, (side, reach, size[0] - side, size[1] * 3 // 4), reach)
    return 2 * x, 2 * y


def _near(one: Shift, other: Shift, image: Image) -> bool:
    height, width = image.shape
    return bool(math.hypot(one[0] - other[0], one[1] - other[1]) <= NEARLY_WALL * max(height, width))


def _reach(image: Image) -> int:
    height, width = image.shape
    return int(max(6, round(FARTHEST * max(height, width))))


def _match(earlier: Image, later: Image, box: tuple[int, int, int, int], reach: int) -> Shift:
    """Where a part of a picture went, to a fraction of a pixel, within a reach of its place."""
    left, top, right, bottom = box
    template = earlier[top:bottom, left:right]
    searched = later[top - reach : bottom + reach, left - reach : right + reach]
    found = cv2.matchTemplate(searched, template, cv2.TM_CCOEFF_NORMED)
    row, column = np.unravel_index(int(np.argmax(found)), found.shape)
    return _peak(found[row], int(column)) - reach, _peak(found[:, column], int(row)) - reach


def _peak(values: NDArray[np.generic], at: int) -> float:
    """The place of a maximum between samples, by a parabola through three."""
    if not 0 < at < len(values) - 1:
        return float(at)
    before, here, after = (float(value) for value in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return at + (0.5 * (before - after) / bend if bend < 0 else 0.0)
