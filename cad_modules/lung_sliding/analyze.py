"""Tell whether the lung slides behind the chest wall."""

import math
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.beams import BEAMS, DEPTHS
from cad_modules.cine import refuse_unusable_clip
from cad_modules.contract import AnalysisContext, ClipFrame, Finding, Findings, Overlay, UnsuitableImage
from cad_modules.lung_sliding.motion import BELOW, Region, unexplained_change
from cad_modules.pleura import PleuralLine, find_pleural_line

LOWEST_RATE_HZ: Final = 8.0
SHORTEST_S: Final = 1.5
"""Half of a quick breath."""
SURE_OF_LINE: Final = 0.5
"""Confidence from which a pleural line is taken for one."""
LOOKED_AT: Final = 5
"""Frames in which the line is sought."""
AGREEING: Final = 3
"""Of those, so many must have it at the same depth."""
SAME_DEPTH: Final = 12.0
"""Rows of the unrolled picture (of 256) between lines that are the same: a breath may lift the chest wall."""
LONG_LAG_S: Final = 0.5
"""Within this time a sliding lung moves by more than its speckles are wide."""
MOST_PAIRS: Final = 30
"""Of pictures compared, for each lag."""
HALF_CHANGE: Final = 0.04
"""Change at which the score is one half: of made-up motion on POCUS clips (train and val splits), that of lungs that
are frozen or move with the probe lies below, that of real ones above."""


def analyze(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
    """Score the motion of the lung against the chest wall.

    Args:
        frames: Lung ultrasound with the pleural line in it, for one and a half seconds or more.
        context: Category.

    Returns:
        ``sliding_score`` (1): near 0 where the echoes behind the pleural line stand still, or move with the chest wall
        or with the whole picture; towards 1 where they change in half a second by more than that, and than their
        noise. Its interval is that of the median over time. Overlays: line ``m_mode``, the beam whose M-mode to look
        at, and polygon ``sliding_region``.

    Raises:
        UnsuitableImage: There is no motion to be seen in the clip, or no pleural line.

    Source: the sign: Lichtenstein and Menu, Chest 1995;108:1345-1348; lung against chest wall in M-mode, by computer:
    Summers et al., West J Emerg Med 2016;17:209-215; correlation as its measure, and what moves the wall: our own.
    """
    refuse_unusable_clip(frames, SHORTEST_S, LOWEST_RATE_HZ)
    frames = _changing(frames)
    line = _pleural_line(frames)
    region = Region.about(line)
    step_s = (frames[-1].time_s - frames[0].time_s) / (len(frames) - 1)
    quick = _changes(region, frames, 1)
    slow = _changes(region, frames, max(2, round(LONG_LAG_S / step_s)))
    if len(quick) < 3 or len(slow) < 3:
        raise UnsuitableImage("too little of the lung is seen behind the pleural line")
    noise = float(np.median(quick))
    change = float(np.median(slow)) - noise
    spread = float(np.subtract(*np.percentile(slow, (75, 25))))
    error = 1.57 * spread / math.sqrt(len(slow))  # 95 % interval of a median: McGill et al., Am Stat 1978;32:12-16
    interval = (_score(change - error), _score(change + error))
    return Findings((Finding("sliding_score", _score(change), "1", interval),), _overlays(line, region, frames[0]))


def _score(change: float) -> float:
    above = max(change, 0.0)
    return above / (above + HALF_CHANGE)


def _changing(frames: tuple[ClipFrame, ...]) -> tuple[ClipFrame, ...]:
    """The frames without repeats of the one before: a video output is often faster than the scanner."""
    kept = [frames[0]]
    kept += [frame for before, frame in pairwise(frames) if not np.array_equal(before.image, frame.image)]
    if kept[-1].time_s - kept[0].time_s < SHORTEST_S or len(kept) < 2 * SHORTEST_S / LONG_LAG_S:
        raise UnsuitableImage("the picture stands still: unfreeze it")
    return tuple(kept)


def _pleural_line(frames: tuple[ClipFrame, ...]) -> PleuralLine:
    """The most certain of some frames' lines, if those of other frames agree."""
    looked_at = (frames[round(part * (len(frames) - 1))] for part in np.linspace(0, 1, LOOKED_AT))
    lines = [line for frame in looked_at if (line := find_pleural_line(frame.image)) is not None]
    sure = sorted((line for line in lines if line.confidence >= SURE_OF_LINE), key=lambda line: -line.confidence)
    for line in sure:
        if sum(_same_line(line, other) for other in sure) >= AGREEING:
            return line
    raise UnsuitableImage("no pleural line is visible")


def _same_line(one: PleuralLine, other: PleuralLine) -> bool:
    """Whether two lines lie at the same depth, or are the same one."""
    _, here, there = np.intersect1d(one.beams, other.beams, return_indices=True)
    return len(here) > 0 and float(np.median(np.abs(one.depths[here] - other.depths[there]))) <= SAME_DEPTH


def _changes(region: Region, frames: tuple[ClipFrame, ...], lag: int) -> list[float]:
    """The lung's unexplained change between frames that are a lag apart, spread over the clip."""
    count = len(frames) - lag
    if count < 1:
        return []
    starts = np.unique(np.linspace(0, count - 1, min(MOST_PAIRS, max(3, count // 2))).round().astype(int))
    found = [unexplained_change(region, frames[start].image, frames[start + lag].image) for start in starts]
    return [change for change in found if change is not None]


def _overlays(line: PleuralLine, region: Region, frame: ClipFrame) -> tuple[Overlay, ...]:
    height, width = frame.image.shape
    seen = line.beams[line.present] if line.present.any() else line.beams
    beam = float(seen[len(seen) // 2])
    ends = line.fan.to_picture(np.array((beam, beam)), np.array((0.0, DEPTHS - 1.0)))
    first, last = int(line.beams[0]), min(int(line.beams[-1]), BEAMS - 1)
    columns = np.unique(np.linspace(first, last, 8).round().astype(int))
    upper, lower = region.points[-BELOW, columns], region.points[-1, columns][::-1]
    edge = np.array((width - 1, height - 1))

    def clipped(points: NDArray[np.floating[Any]]) -> tuple[tuple[float, float], ...]:
        return tuple((round(float(x), 2), round(float(y), 2)) for x, y in np.clip(points, 0, edge))

    return (
        Overlay("line", "m_mode", clipped(ends)),
        Overlay("polygon", "sliding_region", clipped(np.vstack((upper, lower)))),
    )
