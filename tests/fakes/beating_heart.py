"""A drawn heart that beats: its pictures, and what the left ventricle's network would say of each."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.bundle import Prediction

LABELS: Final = ("left_ventricle", "myocardium", "left_atrium")
SIDE: Final = 256
SYSTOLE: Final = 0.35
"""Part of a beat in which the ventricle empties."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnClip:
    """Pictures, answers and times of a beating heart."""

    images: tuple[NDArray[np.uint8], ...]
    predictions: tuple[Prediction, ...]
    times_s: tuple[float, ...]


def beating_heart(
    rate_per_minute: float = 72.0,
    area_change: float = 0.4,
    seconds: float = 3.0,
    frame_s: float = 0.04,
    trembling: float = 0.0,
    alternation: float = 0.0,
    picture: tuple[int, int] = (256, 256),
) -> DrawnClip:
    """Draw a clip whose cavity shrinks by a known part of its area in each beat.

    Args:
        rate_per_minute: Beats.
        area_change: Fractional, from the largest to the smallest area.
        seconds: From the first to the last picture.
        frame_s: From one picture to the next.
        trembling: Standard deviation of the network's own error of the area, relative.
        alternation: Every second beat is stronger, the others weaker, by this part.
        picture: Height and width of the pictures.
    """
    random = np.random.default_rng(5)
    speckle = cv2.GaussianBlur(random.rayleigh(60, (SIDE, SIDE)).astype(np.float32), (0, 0), 1.2)
    times_s = tuple(float(time_s) for time_s in np.arange(0, seconds + 1e-9, frame_s))
    images, predictions = [], []
    for time_s in times_s:
        beat, phase = divmod(time_s * rate_per_minute / 60 + 0.8, 1)
        area = 1 - area_change * (1 + alternation * (-1) ** beat) * _emptied(phase)
        drawn = np.stack(_maps(np.sqrt(area * (1 + random.normal(0, trembling)))), axis=-1).astype(np.float32)
        drawn.setflags(write=False)
        predictions.append(Prediction(LABELS, drawn))
        wall, cavity = _maps(np.sqrt(area))[1::-1]
        gray = speckle * (0.35 + 0.9 * wall - 0.25 * cavity) + random.normal(0, 4, (SIDE, SIDE))
        image = cv2.resize(np.clip(gray, 0, 255).astype(np.uint8), picture[::-1], interpolation=cv2.INTER_LINEAR)
        image.setflags(write=False)
        images.append(np.asarray(image, np.uint8))
    return DrawnClip(tuple(images), tuple(predictions), times_s)


def _emptied(phase: float) -> float:
    """0 at end diastole, 1 at end systole; filling is slower than emptying."""
    along = phase / SYSTOLE if phase < SYSTOLE else (1 - phase) / (1 - SYSTOLE)
    return float(0.5 - 0.5 * np.cos(np.pi * along))


def _maps(scale: float) -> list[NDArray[np.float64]]:
    """Cavity, wall and atrium; the cavity's two axes are scaled, and the atrium follows its base."""
    base = 110 + 70 * scale
    cavity, outer = _ellipse(110, 30 * scale, 70 * scale), _ellipse(105, 48, 88)
    atrium = _ellipse(base + 22, 26 * scale**0.5, 34)
    return [cavity, np.clip(outer - cavity - atrium, 0, 1), atrium * (1 - cavity)]


def _ellipse(y: float, wide: float, high: float) -> NDArray[np.float64]:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = np.sqrt(((columns - SIDE / 2) / wide) ** 2 + ((rows - y) / high) ** 2) - 1
    return np.asarray(1 / (1 + np.exp(np.clip(distance * min(wide, high) / 0.8, -50, 50))))
