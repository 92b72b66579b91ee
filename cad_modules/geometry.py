"""From a segmentation network's probability map to outlines, ellipses, areas and widths in pixels of the picture.

Coordinates are those of OpenCV: the centre of the upper left pixel is (0, 0), so a picture covers -0.5 to width - 0.5.
The network saw the whole picture squashed to its own size; outlines are traced on its map, between its pixels, and then
scaled axis by axis. So a measurement is not bound to whole pixels of either grid.
"""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
"""(x, y) rows, shape (n, 2), in pixels of the picture; an outline's last point joins its first."""

HALF: Final = 0.5
"""Probability on an outline: inside is more likely than not."""

_LEFT, _TOP, _RIGHT, _BOTTOM = range(4)
_SEGMENTS: Final = {
    0b0001: ((_LEFT, _TOP),),
    0b0010: ((_TOP, _RIGHT),),
    0b0011: ((_LEFT, _RIGHT),),
    0b0100: ((_RIGHT, _BOTTOM),),
    0b0110: ((_TOP, _BOTTOM),),
    0b0111: ((_LEFT, _BOTTOM),),
    0b1000: ((_BOTTOM, _LEFT),),
    0b1001: ((_BOTTOM, _TOP),),
    0b1011: ((_BOTTOM, _RIGHT),),
    0b1100: ((_RIGHT, _LEFT),),
    0b1101: ((_RIGHT, _TOP),),
    0b1110: ((_TOP, _LEFT),),
    0b0101: ((_LEFT, _TOP), (_RIGHT, _BOTTOM)),
    0b1010: ((_TOP, _RIGHT), (_BOTTOM, _LEFT)),
}
"""Marching squares: which edges of a cell the outline enters and leaves by, the inside always on the same hand.

Bits: corners upper left 1, upper right 2, lower right 4, lower left 8. The two saddles are read as two corners that do
not touch. Source: Lorensen and Cline, SIGGRAPH 1987 (in two dimensions)."""


def outlines(probability: NDArray[np.float32], height: int, width: int, threshold: float = HALF) -> tuple[Points, ...]:
    """The outer outlines of every region of a probability map, largest area first; holes are filled.

    Args:
        probability: Shape (rows, columns), 0 to 1, of the whole picture at any size.
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.
        threshold: Probability on the outline.

    Returns:
        One closed outline per region, in pixels of the picture; empty if no pixel reaches the threshold.
    """
    rows, columns = probability.shape
    if not probability.size or float(probability.max()) < threshold:
        return ()
    loops = _trace(np.pad(probability.astype(np.float64), 1), threshold)
    scale = np.array((width / columns, height / rows))
    # One pixel of padding and the shift from pixel centres to the picture's edge and back.
    scaled = [(loop - 1 + 0.5) * scale - 0.5 for loop in loops]
    outer = [(signed, loop) for loop in scaled if (signed := _signed_area(loop)) > 0]
    return tuple(loop for _, loop in sorted(outer, key=lambda pair: -pair[0]))


def largest_outline(
    probability: NDArray[np.float32], height: int, width: int, threshold: float = HALF
) -> Points | None:
    """The outer outline of the largest region, holes filled, or None if there is no region (see ``outlines``)."""
    found = outlines(probability, height, width, threshold)
    return found[0] if found else None


def region_mask(
    probability: NDArray[np.float32], height: int, width: int, threshold: float = HALF
) -> NDArray[np.bool_]:
    """The largest region with its holes filled, as a mask of the picture's size.

    Args:
        probability: Shape (rows, columns), 0 to 1.
        height: Rows of the mask.
        width: Columns of the mask.
        threshold: Probability from which a pixel is inside.

    Returns:
        Shape (height, width), bool; all False if there is no region.
    """
    enlarged = cv2.resize(
        np.ascontiguousarray(probability, np.float32), (width, height), interpolation=cv2.INTER_LINEAR
    )
    inside = (enlarged >= threshold).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros((height, width), np.uint8)
    if contours:
        largest = max(contours, key=lambda contour: (cv2.contourArea(contour), len(contour)))
        cv2.drawContours(filled, [largest], -1, 1, cv2.FILLED)
    return filled.astype(np.bool_)


def area(outline: Points) -> float:
    """The area inside a closed outline, in square pixels."""
    return abs(_signed_area(outline))


def perimeter(outline: Points) -> float:
    """The length of a closed outline, in pixels."""
    return float(np.hypot(*(np.roll(outline, -1, axis=0) - outline).T).sum())


def border_fraction(outline: Points, height: int, width: int, margin: float = 1.0) -> float:
    """How much of an outline's length runs along the picture's edge: 0 for a whole shape, more for one that is cut off.

    Args:
        outline: Closed, in pixels of the picture.
        height: Of the picture.
        width: Of the picture.
        margin: Points that are nearer to the edge than this, in pixels, lie on it.
    """
    following = np.roll(outline, -1, axis=0)
    lengths = np.hypot(*(following - outline).T)
    cut = on_border((outline + following) / 2, height, width, margin)
    return float(lengths[cut].sum() / max(lengths.sum(), 1e-9))


def on_border(points: Points, height: int, width: int, margin: float = 1.0) -> NDArray[np.bool_]:
    """Which points lie within a margin (pixels) of the picture's edge, shape (n,)."""
    low = points.min(axis=1, initial=math.inf) + 0.5
    high = (np.array((width - 0.5, height - 0.5)) - points).min(axis=1)
    near: NDArray[np.bool_] = (low < margin) | (high < margin)
    return near


def crossings(outline: Points, y: float) -> NDArray[np.float64]:
    """Where a horizontal line crosses a closed outline: x positions, sorted, in pixels; an even number of them."""
    start, end = outline, np.roll(outline, -1, axis=0)
    crossed = (start[:, 1] <= y) != (end[:, 1] <= y)
    start, end = start[crossed], end[crossed]
    return np.sort(start[:, 0] + (y - start[:, 1]) * (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1]))


def extents(outline: Points, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The leftmost and rightmost x of an outline on each row.

    Args:
        outline: Closed, in pixels.
        rows: y of each row, in pixels, shape (n,).

    Returns:
        Shape (n, 2); NaN on rows that the outline does not reach.
    """
    start, end, y = outline, np.roll(outline, -1, axis=0), rows[:, np.newaxis]
    row, edge = np.nonzero((start[:, 1] <= y) != (end[:, 1] <= y))
    part = (rows[row] - start[edge, 1]) / (end[edge, 1] - start[edge, 1])
    x = start[edge, 0] + part * (end[edge, 0] - start[edge, 0])
    low, high = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
    np.minimum.at(low, row, x)
    np.maximum.at(high, row, x)
    return np.where(np.isfinite(low)[:, np.newaxis], np.column_stack((low, high)), np.nan)


def simplified(outline: Points, tolerance: float = 0.5) -> tuple[tuple[float, float], ...]:
    """Corners of a polygon that stays within a tolerance (pixels) of an outline: few enough to send and draw."""
    corners = cv2.approxPolyDP(outline.astype(np.float32), tolerance, closed=True)
    return tuple((round(float(x), 2), round(float(y), 2)) for x, y in corners.reshape(-1, 2))


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An ellipse in pixels of the picture."""

    x: float
    """Of the centre."""
    y: float
    """Of the centre."""
    semi_major: float
    semi_minor: float
    angle: float
    """Of the long axis to the x axis, in radians, 0 up to pi."""

    @property
    def perimeter(self) -> float:
        """In pixels. Source: Ramanujan 1914, second formula; error below 1e-4 for axes up to 1 : 5."""
        a, b = self.semi_major, self.semi_minor
        h = 3 * ((a - b) / (a + b)) ** 2
        return math.pi * (a + b) * (1 + h / (10 + math.sqrt(4 - h)))

    @property
    def area(self) -> float:
        """In square pixels."""
        return math.pi * self.semi_major * self.semi_minor

    def points(self, count: int = 64) -> Points:
        """Points on the ellipse, shape (count, 2)."""
        turn = np.linspace(0, 2 * math.pi, count, endpoint=False)
        along, across = self.semi_major * np.cos(turn), self.semi_minor * np.sin(turn)
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        return np.column_stack((self.x + along * cosine - across * sine, self.y + along * sine + across * cosine))

    def residual(self, outline: Points) -> float:
        """How far an outline is from this ellipse: RMS distance as a fraction of the mean radius."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        along = (outline[:, 0] - self.x) * cosine + (outline[:, 1] - self.y) * sine
        across = (outline[:, 1] - self.y) * cosine - (outline[:, 0] - self.x) * sine
        # First-order (Sampson) distance: the implicit equation's value over the length of its gradient.
        value = (along / self.semi_major) ** 2 + (across / self.semi_minor) ** 2 - 1
        gradient = 2 * np.hypot(along / self.semi_major**2, across / self.semi_minor**2)
        distance = value / np.maximum(gradient, 1e-9)
        return float(np.sqrt(np.mean(distance**2)) / math.sqrt(self.semi_major * self.semi_minor))


def fit_ellipse(outline: Points, picture: tuple[int, int] | None = None) -> Ellipse | None:
    """The ellipse nearest to an outline by least squares, or None if there is none (a line, too few points).

    The outline is first given points at equal distances, so that no part of it weighs more than another.

    Args:
        outline: Closed, in pixels.
        picture: Height and width of the picture, to leave out where the shape is cut off by its edge.
    """
    if len(outline) < 5 or area(outline) < 1:
        return None
    even = resampled(outline, 256)
    if picture is not None:
        even = even[~on_border(even, *picture)]
        if len(even) < 5:
            return None
    middle, spread = even.mean(axis=0), max(float(even.std()), 1e-6)
    # The fit is in single precision: near the origin and at unit size it loses nothing.
    (x, y), (first, second), degrees = cv2.fitEllipse(((even - middle) / spread).astype(np.float32))
    if not all(map(math.isfinite, (x, y, first, second, degrees))) or min(first, second) <= 0:
        return None
    major, minor = max(first, second), min(first, second)
    turned = degrees if first >= second else degrees + 90
    return Ellipse(
        x=float(x * spread + middle[0]),
        y=float(y * spread + middle[1]),
        semi_major=float(major * spread / 2),
        semi_minor=float(minor * spread / 2),
        angle=math.radians(turned % 180),
    )


def resampled(outline: Points, count: int) -> Points:
    """A closed outline with its points at equal distances, shape (count, 2)."""
    closed = np.vstack((outline, outline[:1]))
    travelled = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))))
    at = np.linspace(0, travelled[-1], count, endpoint=False)
    return np.column_stack((np.interp(at, travelled, closed[:, 0]), np.interp(at, travelled, closed[:, 1])))


def sampled(probability: NDArray[np.float32], points: Points, height: int, width: int) -> NDArray[np.float64]:
    """A probability map at points of the picture, by bilinear interpolation; beyond the map its nearest value.

    Args:
        probability: Shape (rows, columns).
        points: (x, y) in pixels of the picture, shape (n, 2).
        height: Of the picture.
        width: Of the picture.

    Returns:
        Shape (n,).
    """
    rows, columns = probability.shape
    x = np.clip((points[:, 0] + 0.5) * columns / width - 0.5, 0, columns - 1)
    y = np.clip((points[:, 1] + 0.5) * rows / height - 0.5, 0, rows - 1)
    left, top = np.minimum(x.astype(int), max(columns - 2, 0)), np.minimum(y.astype(int), max(rows - 2, 0))
    right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
    across, down = x - left, y - top
    upper = probability[top, left] * (1 - across) + probability[top, right] * across
    lower = probability[bottom, left] * (1 - across) + probability[bottom, right] * across
    result: NDArray[np.float64] = upper * (1 - down) + lower * down
    return result


def doubt(*probabilities: NDArray[np.float32]) -> float:
    """How wide the zone is in which a network hesitates, along the outlines of what it found.

    A network that sees what it was trained on is sure of every pixel but those beside an outline; one that sees
    something else hesitates everywhere. For a logistic edge exp(-x / w) this is w.

    Args:
        probabilities: One map per label, each of shape (rows, columns).

    Returns:
        The sum of p (1 - p) over the length of the largest regions' outlines, as a fraction of the map's side;
        infinite if nothing was found.
    """
    rows, columns = probabilities[0].shape
    found = [largest_outline(probability, rows, columns) for probability in probabilities]
    length = sum(perimeter(outline) for outline in found if outline is not None)
    hesitation = sum(float(np.sum(probability * (1 - probability))) for probability in probabilities)
    return hesitation / length / math.sqrt(rows * columns) if length else math.inf


def _signed_area(outline: Points) -> float:
    """Positive for outer outlines as traced here, negative for holes (y points down)."""
    x, y = (outline - outline.mean(axis=0)).T
    return float(np.dot(y, np.roll(x, -1)) - np.dot(x, np.roll(y, -1))) / 2


def _trace(grid: NDArray[np.float64], threshold: float) -> list[Points]:
    """Every closed loop at the threshold, in grid coordinates; the grid's outermost ring must lie below it."""
    inside = grid >= threshold
    corners = inside.astype(np.uint8)
    cases = corners[:-1, :-1] + 2 * corners[:-1, 1:] + 4 * corners[1:, 1:] + 8 * corners[1:, :-1]
    rows, columns = np.nonzero((cases > 0) & (cases < 15))
    following: dict[tuple[int, int, bool], tuple[int, int, bool]] = {}
    for row, column, case in zip(rows.tolist(), columns.tolist(), cases[rows, columns].tolist(), strict=True):
        # An edge is named by its upper or left end and whether it is horizontal; two cells share it.
        edges = ((row, column, False), (row, column, True), (row, column + 1, False), (row + 1, column, True))
        for enter, leave in _SEGMENTS[case]:
            following[edges[enter]] = edges[leave]
    loops = []
    while following:
        start, current = following.popitem()
        loop = [start]
        while current != start:
            loop.append(current)
            current = following.pop(current)
        loops.append(_crossing_points(grid, np.array(loop), threshold))
    return loops


def _crossing_points(grid: NDArray[np.float64], edges: NDArray[np.int64], threshold: float) -> Points:
    row, column, horizontal = edges.T
    first = grid[row, column]
    second = grid[row + (1 - horizontal), column + horizontal]
    part = (threshold - first) / (second - first)
    return np.column_stack((column + part * horizontal, row + part * (1 - horizontal)))
