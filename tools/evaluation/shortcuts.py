"""Pictures changed to show what the router leans on: their border alone, few pixels, a drawn scanner's screen."""

from datetime import UTC, datetime
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_app.records import Frame
from edge_app.screen import look
from tools.training.screens import FURNITURE, random_colour, write_text

Image = NDArray[np.uint8]

BORDER: Final = 0.06
"""Width of the border that is left, as share of the picture's sides: frames, rulers, the corners of a sector."""
RESOLUTIONS: Final = (64, 96, 128, 256)
"""Longest sides (pixels) at which pictures are judged again."""
SCREEN: Final = (1080, 1920)


def border_only(image: Image) -> Image:
    """The picture, gray or BGR, with its middle level and empty: who still names the category has learned the frame."""
    height, width = image.shape[:2]
    rows, columns = max(1, round(BORDER * height)), max(1, round(BORDER * width))
    emptied = image.copy()
    emptied[rows : height - rows, columns : width - columns] = np.uint8(np.median(image))
    return emptied


def at_resolution(image: Image, side: int) -> Image:
    """The picture with at most ``side`` pixels along its longer side."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def compose_on_screen(image: Image, rng: Generator) -> Image:
    """The picture on a drawn scanner's screen of 1920 x 1080 pixels: text, rulers, bars, panels around it; BGR."""
    height, width = SCREEN
    canvas = np.full((height, width, 3), int(rng.integers(1, 40)) if rng.random() < 0.3 else 0, np.uint8)
    for draw in FURNITURE:
        if rng.random() < 0.5:
            draw(canvas, rng)
    for _ in range(int(rng.integers(4, 20))):
        x, y = (
            int(rng.choice([rng.uniform(0, 0.15), rng.uniform(0.8, 0.97)]) * width),
            int(rng.uniform(0.03, 1) * height),
        )
        write_text(canvas, rng, x, y, random_colour(rng), float(rng.uniform(0.5, 1.1)))
    colour = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    scale = float(rng.uniform(0.55, 0.95)) * min(height / image.shape[0], 0.75 * width / image.shape[1])
    rows, columns = round(image.shape[0] * scale), round(image.shape[1] * scale)
    y, x = int(rng.integers(0, height - rows + 1)), int(0.12 * width + rng.uniform(0, 1) * (0.76 * width - columns))
    canvas[y : y + rows, x : x + columns] = cv2.resize(colour, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return canvas


def area_on_screen(screen: Image) -> Image:
    """What the device cuts out of a screen before the router sees it."""
    return look(Frame(screen, 0, 0, datetime.now(UTC), "evaluation")).pixels
