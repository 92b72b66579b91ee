"""Pictures for a service to analyse: drawn, small, and as many as it can take."""

import os
from pathlib import Path
from typing import Final

import cv2
import numpy as np

COUNT: Final = 600
"""Files in the folder: more than a run analyses before it is killed."""
DIFFERENT: Final = 6
HEIGHT, WIDTH = 240, 320
CLIP_EVERY: Final = 25
"""One file of so many is a clip of CLIP_FRAMES frames."""
CLIP_FRAMES: Final = 6


def write_pictures(folder: Path) -> None:
    """Fill a new folder with ``COUNT`` files; equal ones are one file with several names."""
    folder.mkdir()
    frames = [_sector(number) for number in range(DIFFERENT)]
    writer = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (WIDTH, HEIGHT))
    for number in range(CLIP_FRAMES):
        writer.write(cv2.cvtColor(np.roll(frames[0], number, axis=0), cv2.COLOR_GRAY2BGR))
    writer.release()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{number:04}.png"), frame)
    for number in range(DIFFERENT, COUNT):
        if number % CLIP_EVERY == 0:
            os.link(folder / "clip.avi", folder / f"{number:04}.avi")
        else:
            os.link(folder / f"{number % DIFFERENT:04}.png", folder / f"{number:04}.png")


def sector_on_screen(height: int = 1080, width: int = 1920, seed: int = 0) -> np.ndarray:
    """A scanner's screen with a sector on it, BGR, shape (height, width, 3)."""
    gray = cv2.resize(_sector(seed), (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
    return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)


def _sector(seed: int) -> np.ndarray:
    """An ultrasound sector of speckle, gray, on black."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (WIDTH // 2, 10), (HEIGHT - 30, HEIGHT - 30), 0, 50, 130, 255, -1)
    speckle = np.random.default_rng(seed).rayleigh(60, (HEIGHT, WIDTH)).astype(np.float32)
    blurred = cv2.GaussianBlur(speckle, (0, 0), 1.5)
    return np.where(mask > 0, np.clip(blurred + 20, 0, 255), 0).astype(np.uint8)
