"""The latest seconds of a view, kept small for the CAD modules that look at motion."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_app.records import Box, Clip, Frame, Picture

LONGEST_S: Final = 6.0
"""Of a clip: four beats of a slow heart, one or two breaths."""
LARGEST_BYTES: Final = 16 * 2**20
"""Of a clip's pixels; of a larger picture fewer seconds are kept."""
LONGEST_SIDE: Final = 512
"""Pixels are averaged, two by two, three by three and so on, until the picture's longer side is no longer than this."""
SHORTEST_STEP_S: Final = 0.0201
"""Between two kept frames: of 50 pictures a second or more only some are kept, 25 or more in any case."""
LONGEST_STEP_S: Final = 0.5
"""After a longer pause the clip begins anew."""
MARGIN: Final = 0.15
"""The picture area is found anew on each frame; so much more than the first one is kept on each side, of its size."""
COLOURED: Final = 48
"""Difference of the largest and the smallest of blue, green and red from which a pixel is coloured (levels)."""
COLOUR_SAMPLE: Final = 128
"""Colour is looked for on about this many pixels along the picture's longer side."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    image: NDArray[np.uint8]
    time_s: float
    colour_fraction: float
    area: Box


class ClipRecorder:
    """Keeps the latest frames of a view within fixed limits of time and memory.

    Frames come in the order of their times; a pause, a step back in time or another size of the frames begins a new
    clip, and the longest one counts, of two that are long enough the later.
    """

    def __init__(self) -> None:
        self._frames: deque[_Kept] = deque()
        self._best: deque[_Kept] = deque()
        self._first: Frame | None = None
        """Without its pixels."""
        self._shape: tuple[int, ...] = ()
        self._best_first: Frame | None = None
        self._box = Box(0, 0, 1, 1)
        self._best_box = self._box
        self._bytes = 0

    def add(self, picture: Picture) -> None:
        """Keep a frame, unless it follows too soon on the one before."""
        frame = picture.frame
        if self._frames and self._first is not None:
            step_s = frame.time_s - self._frames[-1].time_s
            if 0 <= step_s < SHORTEST_STEP_S:
                return
            if not 0 < step_s <= LONGEST_STEP_S or frame.pixels.shape != self._shape:
                self._begin_anew()
        if not self._frames:
            self._first, self._shape = frame.without_pixels(), frame.pixels.shape
            self._box = _widened(picture.area, frame)
        box = self._box
        pixels = frame.pixels[box.y : box.y + box.height, box.x : box.x + box.width]
        image = _reduced(pixels, _reduction(box))
        self._frames.append(_Kept(image, frame.time_s, colour_fraction(pixels), picture.area))
        self._bytes += image.nbytes
        while self._bytes > LARGEST_BYTES or frame.time_s - self._frames[0].time_s > LONGEST_S:
            self._bytes -= self._frames.popleft().image.nbytes

    def forget_from(self, time_s: float) -> None:
        """Drop the frames from a time on: the screen stood still since."""
        while self._frames and self._frames[-1].time_s >= time_s:
            self._bytes -= self._frames.pop().image.nbytes

    def clip(self) -> Clip | None:
        """What was kept; None if that is nothing."""
        self._begin_anew()
        if not self._best or self._best_first is None:
            return None
        box, first = self._best_box, self._best_first
        reduction = _reduction(box)
        rows, columns, area = _cut(box, reduction, [kept.area for kept in self._best])
        start_s = self._best[0].time_s
        spacing = first.mm_per_pixel
        return Clip(
            images=tuple(_read_only(kept.image[rows, columns]) for kept in self._best),
            times_s=tuple(kept.time_s - start_s for kept in self._best),
            colour_fractions=tuple(kept.colour_fraction for kept in self._best),
            area=area,
            reduction=reduction,
            mm_per_pixel=None if spacing is None else spacing * reduction,
        )

    def _begin_anew(self) -> None:
        if _duration_s(self._frames) >= min(_duration_s(self._best), LONGEST_S / 2) and self._frames:
            self._best, self._best_first, self._best_box = self._frames, self._first, self._box
        self._frames, self._first, self._bytes = deque(), None, 0


def _duration_s(frames: deque[_Kept]) -> float:
    return frames[-1].time_s - frames[0].time_s if frames else 0.0


def _widened(area: Box, frame: Frame) -> Box:
    """The area and a margin around it, unless the source knows the area and it never changes."""
    if frame.picture_area is not None:
        return area
    height, width = frame.pixels.shape[:2]
    across, down = round(MARGIN * area.width), round(MARGIN * area.height)
    x, y = max(0, area.x - across), max(0, area.y - down)
    return Box(x, y, min(width, area.x + area.width + across) - x, min(height, area.y + area.height + down) - y)


def _reduction(box: Box) -> int:
    return -(-max(box.width, box.height) // LONGEST_SIDE)


def _reduced(pixels: NDArray[np.uint8], reduction: int) -> NDArray[np.uint8]:
    """Gray means over squares of ``reduction`` pixels; a rest at the right and lower edge is left out."""
    height, width = (max(1, size // reduction) for size in pixels.shape[:2])
    gray = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    if reduction == 1:
        return np.array(gray, np.uint8)
    gray = gray[: height * reduction, : width * reduction]
    while reduction % 2 == 0 and min(gray.shape) > 1:  # OpenCV halves five times as fast as it does anything else
        gray, reduction = cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), reduction // 2
    return np.asarray(cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def colour_fraction(pixels: NDArray[np.uint8]) -> float:
    """The part of a picture's pixels that is coloured, 0 to 1.

    Args:
        pixels: Gray (h, w) or BGR (h, w, 3), uint8.
    """
    if pixels.ndim == 2:
        return 0.0
    step = max(1, max(pixels.shape) // COLOUR_SAMPLE)
    blue, green, red = cv2.split(np.ascontiguousarray(pixels[::step, ::step]))
    spread = cv2.subtract(cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red))
    return float(np.count_nonzero(np.asarray(spread) >= COLOURED) / blue.size)


def _cut(box: Box, reduction: int, areas: list[Box]) -> tuple[slice, slice, Box]:
    """Rows and columns of the kept images that are the usual picture area, and that area in pixels of the frame."""
    edges = np.array([(area.x, area.y, area.x + area.width, area.y + area.height) for area in areas])
    left, top, right, bottom = np.median(edges, axis=0)
    columns = _part(left - box.x, right - box.x, reduction, max(1, box.width // reduction))
    rows = _part(top - box.y, bottom - box.y, reduction, max(1, box.height // reduction))
    area = Box(
        box.x + columns.start * reduction,
        box.y + rows.start * reduction,
        (columns.stop - columns.start) * reduction,
        (rows.stop - rows.start) * reduction,
    )
    return rows, columns, area


def _part(first: float, last: float, reduction: int, size: int) -> slice:
    start = int(np.clip(first // reduction, 0, size - 1))
    return slice(start, int(np.clip(-(-last // reduction), start + 1, size)))


def _read_only(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image.setflags(write=False)
    return image
