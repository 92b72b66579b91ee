"""A drawn ultrasound picture before its grain is put on: levels, outlines, shadows."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
"""0 or 255, shape (HEIGHT, WIDTH)."""
Levels = NDArray[np.float32]
"""Gray levels, or factors, shape (HEIGHT, WIDTH)."""

HEIGHT: Final = 168
WIDTH: Final = 200


@dataclass(slots=True)
class Scene:
    """A picture before its grain is put on, and where something was drawn (0 to 1)."""

    levels: Levels
    drawn: Levels
    tissue: float
    """Gray level of the tissue around the organ."""
    rng: Generator

    def paint(self, mask: Mask, level: float, soft: float = 1.0) -> None:
        """Bring what is white in the mask to a level, with an edge as wide as ``soft`` (pixels)."""
        share = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), soft)
        self.levels += (np.float32(level) - self.levels) * share
        self.drawn = np.maximum(self.drawn, np.minimum(share * 1.5, 1.0)).astype(np.float32)

    def scale(self, mask: Mask, factor: float, soft: float = 4.0) -> None:
        """Shadow (below 1) or enhancement (above 1) in what is white in the mask."""
        share = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), soft)
        self.levels *= 1 + (np.float32(factor) - 1) * share
        self.drawn = np.maximum(self.drawn, share).astype(np.float32)

    def below(self, mask: Mask, factor: float) -> None:
        """Shadow or enhance all that lies deeper than what is white in the mask."""
        deeper = np.maximum.accumulate(mask, axis=0)
        deeper[mask > 0] = 0
        self.scale(deeper, factor)

    def between(self, low: float, high: float) -> float:
        """A random number from this range."""
        return float(self.rng.uniform(low, high))

    def ellipse(self, x: float, y: float, a: float, b: float, turn: float = 0.0, rough: float = 0.04) -> Mask:
        """A filled, slightly irregular ellipse; centre and half axes as shares of the width, turn in degrees."""
        angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        order, phase = np.arange(2, 6), self.rng.uniform(0, 2 * np.pi, 4)
        waves = (np.cos(order[:, None] * angle + phase[:, None]) / order[:, None]).sum(axis=0)
        radius = 1 + rough * waves
        cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        across, down = a * radius * np.cos(angle), b * radius * np.sin(angle)
        points = np.stack([x + across * cosine - down * sine, y + across * sine + down * cosine], axis=1) * WIDTH
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.fillPoly(mask, [points.round().astype(np.int32)], 255)
        return mask

    def band(self, y: float, thickness: float, tilt: float, bend: float) -> Mask:
        """What lies between two curved lines across the picture; y and thickness as shares of the width."""
        x = np.arange(WIDTH)
        along = x / WIDTH - 0.5
        top = (y + tilt * along + bend * (along**2)) * WIDTH
        rows = np.arange(HEIGHT)[:, None]
        return np.where((rows >= top) & (rows < top + max(1.0, thickness * WIDTH)), 255, 0).astype(np.uint8)


def rim(mask: Mask, width: int) -> Mask:
    """What lies within ``width`` pixels outside of what is white in the mask."""
    size = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    return cv2.subtract(cv2.dilate(mask, size), mask)  # type: ignore[return-value]
