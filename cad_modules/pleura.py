"""Find the pleural line in a lung ultrasound picture of a curved or a linear probe."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.beams import BEAMS, DEPTHS, Array, Fan, Unrolled, unroll
from cad_modules.contract import Image

SHALLOWEST: Final = 10
"""Rows of the unrolled picture (of 256) above which lie the probe's own echoes and the skin."""
DEEPEST: Final = 160
"""Rows below which no pleural line is expected: lung pictures are set to at least twice its depth."""
LINE: Final = 2.0
"""Rows; standard deviation of the smoothing along the beam, about half the line's thickness."""
ACROSS: Final = 2.5
"""Beams; standard deviation of the smoothing across the beams."""
STEEPEST: Final = 3
"""Rows from one beam to the next that the line may rise or fall."""
STEP_COST: Final = 0.12
"""Per row of rise and fall, in units of the ridge's height."""
SKIN: Final = 5
"""Rows at the probe's surface that are not tissue."""
LAYERS_ACROSS: Final = 8.0
"""Beams; smoothing of the layers above and below a place."""
APART: Final = 8
"""Beams (of 128) over which echoes still resemble one another, and noise does not."""
SMALLEST_CORRELATION: Final = 0.2
"""Between beams so far apart; 0.02 or less in noise of any grain, 0.49 or more in all training clips."""
TWICE: Final = (1.8, 2.2)
"""Depth of the first A-line over that of the pleural line."""
PRESENT: Final = 0.5
"""Ridge height, of the line's own upper quartile, from which the line is there at a beam."""
SURE: Final = 2.2
"""Mean ridge height over the picture's typical ridge at which the confidence is one half."""


@dataclass(frozen=True, slots=True, eq=False)
class PleuralLine:
    """The pleural line, one point per beam from the first to the last at which it is seen."""

    points: NDArray[np.float64]
    """(x, y), shape (n, 2), in pixels of the picture, from left to right."""
    present: NDArray[np.bool_]
    """At which of the points the line is bright; False in gaps and shadows. Shape (n,)."""
    depth: float
    """Median distance along the beams from the probe's surface, in pixels of the picture."""
    continuity: float
    """Part of the points at which the line is bright, 0 to 1."""
    confidence: float
    """0 to 1: how far the line stands out from the other echoes; below 0.5 there is probably none."""
    beams: NDArray[np.int64]
    """Column of each point in the unrolled picture, shape (n,)."""
    depths: NDArray[np.float64]
    """Row of each point in the unrolled picture, shape (n,)."""
    unrolled: Unrolled

    @property
    def fan(self) -> Fan:
        """Where the beams run."""
        return self.unrolled.fan


def find_pleural_line(image: Image) -> PleuralLine | None:
    """The pleural line, or None if the picture shows no scan or nothing like a line across the beams.

    A path across the beams of the unrolled picture is sought that is brightest against what is above and below it; of
    the best paths at several depths the one is taken beneath which the layers of muscle end.

    Args:
        image: Gray, shape (height, width), uint8; the picture area alone.

    Source: path by dynamic programming (Viterbi) on the local contrast, after Carrer et al., IEEE Trans Ultrason
    Ferroelectr Freq Control 2020;67:2207-2217, section III-A.
    """
    unrolled = unroll(image)
    if unrolled is None or _correlation(unrolled) < SMALLEST_CORRELATION:
        return None
    ridge = ridges(unrolled)
    typical = float(np.std(ridge[SHALLOWEST:])) + 1.0
    candidates = []
    evidence = _weighted(ridge, unrolled)
    for _ in range(3):
        path = _best_path(evidence)
        heights = ridge[path, np.arange(BEAMS)]
        candidates.append((_quality(path, heights, unrolled, ridge), path, heights))
        evidence = _without(evidence, path)
    path, heights = _chosen(candidates)
    strong = heights >= max(PRESENT * float(np.percentile(heights, 75)), typical * 0.5)
    seen = np.flatnonzero(strong)
    if len(seen) < BEAMS // 12:
        return None
    beams = np.arange(seen[0], seen[-1] + 1)
    depths = _smoothed(path)[beams]
    mean = float(np.mean(heights[seen])) / typical
    confidence = mean**4 / (mean**4 + SURE**4) * min(1.0, len(seen) / (BEAMS / 4))
    return PleuralLine(
        points=unrolled.fan.to_picture(beams.astype(np.float64), depths),
        present=strong[beams],
        depth=float(np.median(depths + 0.5)) * unrolled.fan.depth_step,
        continuity=float(strong[beams].mean()),
        confidence=confidence,
        beams=beams,
        depths=depths,
        unrolled=unrolled,
    )


def _correlation(unrolled: Unrolled) -> float:
    """Of the gray levels with those a few beams to the right, 0 for noise."""
    both = unrolled.inside[:, :-APART] & unrolled.inside[:, APART:]
    left, right = unrolled.image[:, :-APART][both], unrolled.image[:, APART:][both]
    if left.size < DEPTHS or min(float(left.std()), float(right.std())) < 1:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def ridges(unrolled: Unrolled) -> Array:
    """How much brighter a line across the beams is than what is above and below it, gray levels, shape of the image."""
    smooth = cv2.GaussianBlur(unrolled.image, (0, 0), ACROSS, sigmaY=LINE)
    reach = int(3 * LINE)
    padded = np.pad(smooth, ((reach, reach), (0, 0)), mode="edge")
    higher, lower = padded[: -2 * reach], padded[2 * reach :]
    ridge = smooth - np.maximum(higher, lower)
    ridge[~unrolled.inside] = 0
    return np.maximum(ridge, 0).astype(np.float32)


def _weighted(ridge: Array, unrolled: Unrolled) -> Array:
    """Ridges, more where the echo is bright, none where no pleura can be."""
    level = cv2.GaussianBlur(unrolled.image, (0, 0), ACROSS, sigmaY=LINE)
    top = float(np.percentile(level[unrolled.inside], 98)) + 1.0 if unrolled.inside.any() else 1.0
    evidence = ridge / (float(np.percentile(ridge, 98)) + 1.0) * (0.3 + 0.7 * np.minimum(level / top, 1.0))
    evidence = evidence * (2 * _ending_layers(ridge)) ** 2
    evidence[:SHALLOWEST] = 0
    evidence[DEEPEST:] = 0
    return np.asarray(np.minimum(evidence, 1.5), np.float32)


def _ending_layers(ridge: Array) -> Array:
    """0 to 1, shape of the ridges: near 1 where there are layers above and none below, as where the chest wall ends."""
    sums = np.cumsum(cv2.GaussianBlur(ridge, (0, 0), LAYERS_ACROSS, sigmaY=0.5), axis=0)
    sums = np.vstack((np.zeros((1, BEAMS), np.float32), sums))
    rows = np.arange(DEPTHS)

    def mean(first: NDArray[np.int64], last: NDArray[np.int64]) -> Array:
        first, last = np.clip(first, SKIN, DEPTHS), np.clip(last, SKIN, DEPTHS)
        return np.asarray((sums[last] - sums[first]) / np.maximum(last - first, 12)[:, np.newaxis], np.float32)

    above, below = mean(rows - 50, rows - 5), mean(rows + 8, rows + 70)
    return np.asarray((above + 0.15) / (above + below + 0.6), np.float32)


def _best_path(evidence: Array) -> NDArray[np.int64]:
    """The row of each beam on the path with the highest sum."""
    score = evidence[:, 0].astype(np.float64)
    came = np.zeros(evidence.shape, np.int8)
    steps = range(-STEEPEST, STEEPEST + 1)
    for beam in range(1, BEAMS):
        padded = np.pad(score, STEEPEST, constant_values=-np.inf)
        options = np.stack([padded[STEEPEST + s : STEEPEST + s + DEPTHS] - abs(s) * STEP_COST for s in steps])
        choice = options.argmax(axis=0)
        came[:, beam] = choice - STEEPEST
        score = options[choice, np.arange(DEPTHS)] + evidence[:, beam]
    path = np.empty(BEAMS, np.int64)
    path[-1] = int(score.argmax())
    for beam in range(BEAMS - 1, 0, -1):
        path[beam - 1] = path[beam] + came[path[beam], beam]
    return path


def _without(evidence: Array, path: NDArray[np.int64]) -> Array:
    rows = np.arange(DEPTHS)[:, np.newaxis]
    return np.where(np.abs(rows - path) <= 7, 0, evidence).astype(np.float32)


def _quality(path: NDArray[np.int64], heights: Array, unrolled: Unrolled, ridge: Array) -> float:
    """Height of the ridge, more if layers end beneath it."""
    rows = np.arange(DEPTHS)[:, np.newaxis]
    above = (rows < path - 6) & (rows > path - 46) & (rows > 6) & unrolled.inside
    below = (rows > path + 8) & (rows < path + 60) & unrolled.inside
    layers_above = float(ridge[above].mean()) if above.any() else 0.0
    layers_below = float(ridge[below].mean()) if below.any() else 0.0
    return float(heights.mean()) * (0.3 + layers_above / (layers_above + layers_below + 1.0))


def _chosen(candidates: list[tuple[float, NDArray[np.int64], Array]]) -> tuple[NDArray[np.int64], Array]:
    """The best path, or a brighter one at half its depth: then the best is the first A-line."""
    _, path, heights = max(candidates, key=lambda candidate: candidate[0])
    for _, other, higher in candidates:
        ratio = float(np.median(path) + 1) / float(np.median(other) + 1)
        if TWICE[0] <= ratio <= TWICE[1] and float(higher.mean()) >= float(heights.mean()):
            return other, higher
    return path, heights


def _smoothed(path: NDArray[np.int64]) -> NDArray[np.float64]:
    line = cv2.GaussianBlur(path.astype(np.float64)[np.newaxis], (0, 0), 2.0)
    return np.asarray(line[0], np.float64)
