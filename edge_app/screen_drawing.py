"""What is made of a scanner's screen, drawn over it."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_app.records import Picture

FOUND_BGR: Final = (80, 220, 60)
NOTHING_BGR: Final = (60, 60, 230)
DIMMED: Final = 0.45
"""Brightness that is left of what is not the picture."""
BAR_PX: Final = 28


def draw(found: Picture) -> NDArray[np.uint8]:
    """The screen with all but the picture area dimmed, the area outlined, and the state written above it.

    Returns:
        Shape (height + BAR_PX, width, 3), BGR.
    """
    pixels = found.frame.pixels
    colour = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8) if pixels.ndim == 2 else pixels
    box = found.area
    drawn = (colour * DIMMED).astype(np.uint8)
    drawn[box.y : box.y + box.height, box.x : box.x + box.width] = colour[
        box.y : box.y + box.height, box.x : box.x + box.width
    ]
    line = FOUND_BGR if found.state in ("live", "still") else NOTHING_BGR
    corner = (box.x + box.width - 1, box.y + box.height - 1)
    cv2.rectangle(drawn, (box.x, box.y), corner, line, max(1, drawn.shape[1] // 640))
    bar = np.zeros((BAR_PX, drawn.shape[1], 3), np.uint8)
    text = f"{found.state}: {found.reason}"
    cv2.putText(bar, text, (6, BAR_PX - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.5, line, 1, cv2.LINE_AA)
    return np.concatenate((bar, drawn))
