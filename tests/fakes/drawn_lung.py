"""A drawn lung that slides behind the chest wall, or does not."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

HEIGHT: Final = 300
WIDTH: Final = 280
PLEURA: Final = 84
"""Row of the pleural line."""
RATE_HZ: Final = 25.0


def lung_clip(
    sliding: float = 10.0, probe: float = 0.0, noise: float = 3.0, seconds: float = 3.0, rate_hz: float = RATE_HZ
) -> tuple[NDArray[np.uint8], ...]:
    """Draw a clip of a linear probe: layers of the chest wall, a bright pleural line, speckle behind it.

    Args:
        sliding: Pixels by which the lung moves sideways against the wall, to and fro, in each breath of 3 s.
        probe: Pixels by which everything moves sideways, to and fro, in 1.7 s.
        noise: Standard deviation, gray levels.
        seconds: From the first to the last frame.
        rate_hz: Frames a second.
    """
    random = np.random.default_rng(4)
    speckle, wall = _speckle(random, 1.6, 1.6), _speckle(random, 4, 1.2)
    for row, gray in ((22, 60), (40, 80), (58, 70)):
        wall[row : row + 3] += gray
    fade = np.exp(-np.arange(HEIGHT) / 220)[:, np.newaxis]
    frames = []
    for time_s in np.arange(0, seconds + 1e-9, 1 / rate_hz):
        moved = probe * np.sin(2 * np.pi * time_s / 1.7)
        slid = moved + sliding * np.sin(2 * np.pi * time_s / 3.0)
        lung = _sideways(speckle, slid)
        picture = lung * fade
        picture[:PLEURA] = _sideways(wall, moved)[:PLEURA]
        picture[PLEURA - 2 : PLEURA + 3] = 150 + 0.6 * lung[PLEURA - 2 : PLEURA + 3]
        image = np.clip(picture + random.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
        image.setflags(write=False)
        frames.append(image)
    return tuple(frames)


def _speckle(random: np.random.Generator, wide: float, high: float) -> NDArray[np.float32]:
    """The envelope of a field of scatterers: mean 75, standard deviation 40 (Rayleigh)."""
    real, imaginary = (
        cv2.GaussianBlur(random.normal(0, 1, (HEIGHT, WIDTH + 100)), (0, 0), wide, sigmaY=high) for _ in range(2)
    )
    envelope = np.hypot(real, imaginary)
    return np.asarray(75 * envelope / envelope.mean(), np.float32)


def _sideways(texture: NDArray[np.float32], pixels: float) -> NDArray[np.float32]:
    matrix = np.array([[1, 0, -50 - pixels], [0, 1, 0]], np.float32)
    return np.asarray(cv2.warpAffine(texture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC), np.float32)
