"""Drawn lung ultrasound of curved and linear probes: chest wall, pleural line, A-lines and B-lines."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

DEPTHS = 360
BEAMS = 240


@dataclass(frozen=True)
class DrawnLung:
    """What to draw."""

    pleura: float = 0.25
    """Depth of the pleural line, part of the whole depth."""
    a_lines: int = 0
    b_lines: tuple[float, ...] = ()
    """Where they leave the pleural line, part of the width."""
    half_angle: float = 0.5
    """Of a curved probe's fan, radians; 0 for a linear probe."""
    height: int = 400
    seed: int = 1

    def image(self) -> NDArray[np.uint8]:
        """Gray, shape (height, about as wide), read-only."""
        picture = self._along_beams()
        width, height = (self.height if self.half_angle else round(self.height * 0.8)), self.height
        y, x = np.mgrid[:height, :width].astype(np.float32)
        if self.half_angle:
            near, far = 0.35 * height, 1.3 * height
            apex_x, apex_y = (width - 1) / 2, -near * math.cos(self.half_angle)
            radius, angle = np.hypot(x - apex_x, y - apex_y), np.arctan2(x - apex_x, y - apex_y)
            row = (radius - near) / (far - near) * DEPTHS
            beam = (angle + self.half_angle) / (2 * self.half_angle) * BEAMS
        else:
            row, beam = y / height * DEPTHS, x / width * BEAMS
        drawn = cv2.remap(picture, beam.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR, borderValue=0)
        image = np.clip(drawn, 0, 255).astype(np.uint8)
        image.setflags(write=False)
        return image

    @property
    def pleura_depth(self) -> float:
        """From the probe's surface, in pixels."""
        scale = 0.95 if self.half_angle else 1.0
        return self.pleura * scale * self.height

    def _along_beams(self) -> NDArray[np.float32]:
        random = np.random.default_rng(self.seed)
        speckle = cv2.GaussianBlur(random.rayleigh(1, (DEPTHS, BEAMS)).astype(np.float32), (0, 0), 2.5, sigmaY=1.0)
        line = round(self.pleura * DEPTHS)
        rows = np.arange(DEPTHS, dtype=np.float32)[:, np.newaxis]
        gain = np.where(rows < line, 60.0, 42.0 * np.exp(-(rows - line) / 130)).astype(np.float32)
        picture = speckle * gain * np.ones((1, BEAMS), np.float32)
        for layer in range(12, line - 8, 13):
            picture[layer : layer + 3] += 45
        echo = 150.0
        for number in range(self.a_lines + 1):
            place = line * (number + 1)
            picture += echo * np.exp(-(((rows - place) / 2.2) ** 2))
            echo *= 0.55
        beams = np.arange(BEAMS, dtype=np.float32)
        for place in self.b_lines:
            streak = 85 * np.exp(-(((beams - place * BEAMS) / 6) ** 2))
            picture += np.where(rows > line, streak, 0) * (0.7 + 0.3 * speckle)
        return picture.astype(np.float32)
