"""What modules that look at clips share: whether a clip can be measured, and how fast its pictures come."""

from itertools import pairwise
from typing import Final

import numpy as np

from cad_modules.contract import ClipFrame, UnsuitableImage
from cad_modules.sonogram import COLOURED, SMALLEST_SIDE, SMALLEST_SPREAD

LONGEST_GAP: Final = 4.0
"""Between two pictures, over the median step: a longer pause may hide a beat or a breath."""


def refuse_unusable_clip(frames: tuple[ClipFrame, ...], shortest_s: float, lowest_rate_hz: float) -> None:
    """Say why a clip cannot be measured, if it cannot.

    Args:
        frames: One or more.
        shortest_s: From the first to the last frame.
        lowest_rate_hz: Frames a second.

    Raises:
        UnsuitableImage: It is too short, slow or interrupted, its times do not rise, its pictures are of several sizes,
            too small, blank or in colour.
    """
    if len(frames) < 2:
        raise UnsuitableImage("one picture alone shows no motion: a clip is needed")
    steps_s = np.array([later.time_s - earlier.time_s for earlier, later in pairwise(frames)])
    if not np.all(steps_s > 0):
        raise UnsuitableImage("the times of the pictures do not rise: nothing can be said about motion")
    if any(frame.image.shape != frames[0].image.shape for frame in frames):
        raise UnsuitableImage("the pictures of the clip are of several sizes")
    if min(frames[0].image.shape) < SMALLEST_SIDE:
        raise UnsuitableImage("the pictures are too small to be measured")
    if (
        float(np.median([frame.image[::4, ::4].std() for frame in frames[:: max(1, len(frames) // 8)]]))
        < SMALLEST_SPREAD
    ):
        raise UnsuitableImage("the pictures are blank")
    if COLOURED[0] <= float(np.median([frame.colour_fraction for frame in frames])) <= COLOURED[1]:
        raise UnsuitableImage("the pictures are coloured, as in colour Doppler: switch to the gray picture")
    if rate_hz(frames) < lowest_rate_hz:
        raise UnsuitableImage(f"{rate_hz(frames):.0f} pictures a second are too few: {lowest_rate_hz:.0f} are needed")
    if frames[-1].time_s - frames[0].time_s < shortest_s:
        raise UnsuitableImage(f"the clip is too short: {shortest_s:g} s are needed")
    if float(steps_s.max()) > LONGEST_GAP * float(np.median(steps_s)):
        raise UnsuitableImage("the clip is interrupted")


def rate_hz(frames: tuple[ClipFrame, ...]) -> float:
    """Frames a second, by the median step from one to the next; their times rise."""
    return 1 / float(np.median(np.diff([frame.time_s for frame in frames])))
