"""What the scanner's screen shows: a picture, nothing, or no signal; and where on it the picture is."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_app.records import Box, Change, Frame, Picture

CHECK_CABLE: Final = "check the cable to the scanner, and that the scanner is on"
LOOK_SIZE: Final = 128
"""The screen is judged on a sample of about this many pixels along its shorter side."""
FLAT_RANGE: Final = 10
"""A screen whose 0.5 and 99.5 percentiles are closer than this shows nothing (gray levels)."""
BACKGROUND_MARGIN: Final = 6
"""A pixel this much brighter than the screen's background belongs to something (gray levels)."""
BACKGROUND_SHARE: Final = 0.1
"""A level that fills this part of the screen evenly is background."""
BRIGHTEST_BACKGROUND: Final = 64
"""Above this level it would be a picture."""
SATURATED: Final = 150
"""HSV saturation from which a plain colour is taken for a "no signal" screen."""
BAR_COLOURS: Final = 5
"""Distinct saturated hues side by side that make colour bars."""
ALIKE_LEVELS: Final = 3
"""Rows whose mean difference is below this are alike (gray levels)."""
SMALLEST_PICTURE: Final = 0.06
"""A found area smaller than this part of the screen is not taken for the picture."""
PART: Final = 0.15
"""Parts of at least this share of the largest one belong to the picture too (dark gaps split nerve and liver views)."""
SNAP: Final = 0.04
"""Area edges closer to the screen's edge than this part of its size are moved onto it."""
GAP: Final = 0.03
"""Parts of a picture are joined over dark gaps of up to this part of the screen's shorter side."""
AREA_HOLDS_S: Final = 0.5
"""The picture area of a moving view is found anew after this time, and after every cut."""


class ScreenWatch:
    """Looks at one frame after another of moving pictures; keeps the picture area where it was for a while."""

    def __init__(self) -> None:
        self._area: Box | None = None
        self._size = (0, 0)
        self._clip_id: str | None = None
        self._found_s = 0.0

    def look(self, frame: Frame, change: Change) -> Picture:
        """As ``look``; every frame is judged, but the area is that of an earlier frame of the same view if it is fresh.

        Args:
            frame: Of a clip or a live source.
            change: What became of the frame before.
        """
        size = frame.pixels.shape[:2]
        fresh = 0 <= frame.time_s - self._found_s < AREA_HOLDS_S
        same_view = change != "cut" and size == self._size and frame.clip_id == self._clip_id
        known = self._area if fresh and same_view else None
        picture = look(frame, known)
        if known is None:
            good = picture.state == "live"
            self._area, self._size, self._clip_id = picture.area if good else None, size, frame.clip_id
            self._found_s = frame.time_s
        return picture


def look(frame: Frame, known_area: Box | None = None) -> Picture:
    """Judge the screen and find the picture area on it.

    Cheap on a frame of any size: only every n-th pixel is read.

    Args:
        frame: Any.
        known_area: Where the picture is, if it need not be found.

    Returns:
        State ``blank`` or ``no_signal`` with the whole frame as area, or ``live`` (of a clip) or ``still`` with the
        picture area: as given by the source, else the box around the large bright parts of the screen.
    """
    height, width = frame.pixels.shape[:2]
    whole = Box(0, 0, width, height)
    if frame.signal in ("absent", "unstable", "out of range"):
        return Picture(frame, "no_signal", f"the capture card's signal is {frame.signal}; {CHECK_CABLE}", whole)
    step = max(1, min(height, width) // LOOK_SIZE)
    colour = frame.pixels.ndim == 3
    sample = frame.pixels[::step, ::step]
    gray = np.ascontiguousarray(sample[:, :, 1] if colour else sample)  # green: most of the brightness

    cumulated = np.cumsum(np.bincount(gray.ravel(), minlength=256)) / gray.size
    low, high = (int(np.searchsorted(cumulated, share)) for share in (0.005, 0.995))
    if high - low < FLAT_RANGE:
        if colour and _saturation(sample) > SATURATED:
            return Picture(frame, "no_signal", f"plain colour screen: no signal; {CHECK_CABLE}", whole)
        shade = "black" if high < 32 else "white" if low > 223 else "gray"
        return Picture(frame, "blank", f"the screen is plain {shade}: nothing to analyse", whole)
    if colour and _is_colour_bars(sample):
        return Picture(frame, "no_signal", f"colour bars: no signal; {CHECK_CABLE}", whole)

    state, reason = ("still", "still picture") if frame.clip_id is None else ("live", "moving picture")
    area = frame.picture_area or known_area or _picture_area(gray, low, step, whole)
    return Picture(frame, state, reason, area)  # type: ignore[arg-type]


def _saturation(sample: NDArray[np.uint8]) -> float:
    return float(np.median(cv2.cvtColor(np.ascontiguousarray(sample), cv2.COLOR_BGR2HSV)[:, :, 1]))


def _is_colour_bars(sample: NDArray[np.uint8]) -> bool:
    """Vertical bars: rows of the upper half alike, and several saturated colours side by side."""
    rows = np.ascontiguousarray(sample[: max(2, sample.shape[0] // 2) : max(1, sample.shape[0] // 20)])
    if np.abs(np.diff(rows.astype(np.int16), axis=0)).mean() > ALIKE_LEVELS:
        return False
    hsv = cv2.cvtColor(rows[:1], cv2.COLOR_BGR2HSV)[0]
    hues = hsv[(hsv[:, 1] > SATURATED) & (hsv[:, 2] > 60), 0] // 15
    return len(np.unique(hues)) >= BAR_COLOURS


def _picture_area(gray: NDArray[np.uint8], darkest: int, step: int, whole: Box) -> Box:
    """The bounding box of the large parts of the screen that are brighter than its background and not thin.

    Lines, ticks and small text vanish in the opening; the closing joins a sector's bright parts.
    """
    if min(gray.shape) < 2:
        return whole
    bright = (gray > _background(gray, darkest) + BACKGROUND_MARGIN).astype(np.uint8)
    shorter = min(gray.shape)
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    reach = max(3, round(GAP * shorter) | 1)
    joined = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8), borderValue=0)
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    if count < 2:
        return whole
    parts = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= PART * stats[1:, cv2.CC_STAT_AREA].max()]
    if parts[:, cv2.CC_STAT_AREA].sum() < SMALLEST_PICTURE * gray.size:
        return whole
    left, top = parts[:, cv2.CC_STAT_LEFT], parts[:, cv2.CC_STAT_TOP]
    right, bottom = left + parts[:, cv2.CC_STAT_WIDTH], top + parts[:, cv2.CC_STAT_HEIGHT]
    x0, x1 = _snap(int(left.min()) * step, int(right.max()) * step, whole.width)
    y0, y1 = _snap(int(top.min()) * step, int(bottom.max()) * step, whole.height)
    return Box(x0, y0, x1 - x0, y1 - y0)


def _background(gray: NDArray[np.uint8], darkest: int) -> float:
    """The level of the screen around the picture: the brightest dark level that fills a good part of it evenly."""
    even = (cv2.absdiff(gray[:-1, :-1], gray[1:, :-1]) <= 1) & (cv2.absdiff(gray[:-1, :-1], gray[:-1, 1:]) <= 1)
    counts = np.bincount(gray[:-1, :-1][even], minlength=256)[:BRIGHTEST_BACKGROUND]
    common = np.flatnonzero(counts >= BACKGROUND_SHARE * gray.size)
    return float(common.max()) if common.size else float(darkest)


def _snap(start: int, end: int, size: int) -> tuple[int, int]:
    """Widen a range by a margin, and up to the edge of the screen where it comes close to it."""
    margin = SNAP * size
    return (0 if start < margin else int(start - margin / 2)), (size if end > size - margin else int(end + margin / 2))
