"""The period of a beating heart from its area curve and from the likeness of its pictures."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import Image

Curve = NDArray[np.float64]

GRID_HZ: Final = 100.0
"""Curves are interpolated to this rate; the pictures come at 12 to 50 a second."""
PERIOD_RANGE_S: Final = (0.27, 2.0)
"""Of a beat: 30 to 222 a minute."""
FEWEST_PERIODS: Final = 1.6
"""That a clip must show: what returns after a period must be seen to for nearly half of one."""
SMALLEST_CORRELATION: Final = 0.4
"""Of the curve with itself one period later. The SonoSite cines: 0.55 and more. Random walks as long as six periods
seldom reach it together with SMALLEST_RISE."""
SMALLEST_RISE: Final = 0.35
"""Of the correlation, from its lowest before the period."""
WEAK_CORRELATION: Final = 0.05
"""Asked of a half or a third of a sure period."""
SURE_CORRELATION: Final = 0.5
"""Of curve and pictures together, asked of a period that returns less than twice in the clip."""
NEARLY_BEST: Final = 0.3
"""The shortest period is taken that falls short of the best correlation by no more than this: two beats are not one."""
SIDE: Final = 48
"""Pictures are compared at this size."""
JITTER: Final = 0.12
"""Part of the period by which one beat may come early or late when later beats refine it."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A period that was found."""

    period_s: float
    correlation: float
    """Of curve and pictures with themselves one period later, 0 to 1."""


def find_rhythm(times_s: Curve, areas: Curve, images: list[Image]) -> Rhythm | None:
    """The period after which both the area and the picture return, or None if there is none.

    Args:
        times_s: Of each frame, rising, shape (n,).
        areas: Of the cavity, shape (n,).
        images: Of each frame, all of one size.

    Source: autocorrelation with the overlap's own norm (Rabiner, IEEE Trans Acoust 1977;25:24-33), the shortest of the
    nearly best lags; of pictures as by Karadayi et al., IEEE Ultrasonics Symposium 2006:1161-1164.
    """
    duration_s = float(times_s[-1] - times_s[0])
    longest_s = min(PERIOD_RANGE_S[1], duration_s / FEWEST_PERIODS)
    lags = np.arange(0, int(longest_s * GRID_HZ) + 1)
    first = int(PERIOD_RANGE_S[0] * GRID_HZ)
    if len(lags) <= first + 2:
        return None
    grid_s = np.arange(0, duration_s, 1 / GRID_HZ)
    curve = np.interp(grid_s, times_s - times_s[0], areas)
    of_area = _autocorrelation(curve, lags)
    of_images = _likeness(times_s - times_s[0], images, grid_s, lags)
    correlation = (2 * of_area + of_images) / 3
    peaks = [
        lag
        for lag in range(first, len(lags) - 1)
        if correlation[lag - 1] < correlation[lag] >= correlation[lag + 1]
        and of_area[lag] >= WEAK_CORRELATION
        and correlation[lag] - correlation[:lag].min() >= SMALLEST_RISE
        and of_images[lag] > of_images[lag // 2]
    ]
    sure = [
        lag
        for lag in peaks
        if of_area[lag] >= SMALLEST_CORRELATION
        and correlation[lag] >= (SURE_CORRELATION if 2 * lag > len(grid_s) else 0.0)
    ]
    if not sure:
        return None
    best = max(correlation[lag] for lag in sure)
    lag = next(lag for lag in sure if correlation[lag] >= best - NEARLY_BEST)
    lag = next((part for part in peaks if part < lag and _divides(part, lag)), lag)
    return Rhythm(_refined(curve, lag) / GRID_HZ, float(np.clip(correlation[lag], 0, 1)))


def _divides(part: int, lag: int) -> bool:
    """Whether a lag is two or three of another: every second or third beat may be more alike than the next ones."""
    return any(abs(lag / part - beats) <= JITTER * beats for beats in (2, 3))


def _autocorrelation(curve: Curve, lags: NDArray[np.int64]) -> Curve:
    """Correlation of the detrended curve with itself, for each lag over what overlaps, -1 to 1."""
    at = np.arange(len(curve))
    flat = curve - np.polyval(np.polyfit(at, curve, 1), at)
    result = np.zeros(len(lags))
    for number, lag in enumerate(lags):
        early, late = flat[: len(flat) - lag], flat[lag:]
        early, late = early - early.mean(), late - late.mean()
        norm = float(np.sqrt((early**2).sum() * (late**2).sum()))
        result[number] = float((early * late).sum()) / norm if norm > 0 else 0.0
    return result


def _likeness(times_s: Curve, images: list[Image], grid_s: Curve, lags: NDArray[np.int64]) -> Curve:
    """Mean correlation of pictures that are a lag apart, each less the clip's mean picture, scaled to at most 1."""
    small = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in images]
    pictures = np.stack(small).astype(np.float64).reshape(len(images), -1)
    pictures -= pictures.mean(axis=0)
    pictures /= np.maximum(np.linalg.norm(pictures, axis=1, keepdims=True), 1e-9)
    alike = pictures @ pictures.T
    nearest = np.abs(grid_s[:, np.newaxis] - times_s).argmin(axis=1)
    return np.array([alike[nearest[: len(nearest) - lag], nearest[lag:]].mean() for lag in lags])


def _refined(curve: Curve, lag: int) -> float:
    """The period by the last of the later beats that also return, with the place of the peak between two lags."""
    period = float(lag)
    lags = np.arange(min(len(curve) - lag // 2, 12 * lag))
    correlation = _autocorrelation(curve, lags)
    for beats in range(1, 12):
        low, high = round(beats * period - JITTER * lag), round(beats * period + JITTER * lag)
        if high + 1 >= len(correlation):
            break
        peak = low + int(correlation[low : high + 1].argmax())
        before, here, after = correlation[peak - 1 : peak + 2]
        if here < SMALLEST_CORRELATION or not (before <= here >= after):
            continue
        bend = before - 2 * here + after
        period = (peak + (0.5 * (before - after) / bend if bend < 0 else 0.0)) / beats
    return period
