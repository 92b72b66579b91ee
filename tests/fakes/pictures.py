"""Frames and decisions for tests of the stages."""

from datetime import UTC, datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES
from edge_app.records import CategoryScore, Classification, Frame, ModelIdentity, Picture

MODEL = ModelIdentity("router", "1.0.0", "0" * 64)


def sector(seed: int = 0, height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    """A drawn ultrasound sector with speckle, gray, on black."""
    random = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, 10), (height - 30, height - 30), 0, 50, 130, 255, -1)
    speckle = cv2.GaussianBlur(random.rayleigh(60, (height, width)).astype(np.float32), (0, 0), 1.5)
    return np.where(mask > 0, np.clip(speckle + 20, 0, 255), 0).astype(np.uint8)


def frame(pixels: NDArray[np.uint8], sequence: int = 0, clip_id: str | None = None, time_s: float = 0.0) -> Frame:
    """A frame with these pixels."""
    return Frame(pixels.copy(), sequence, sequence, datetime.now(UTC), "test", clip_id, time_s)


def classification(category: str | None, probability: float = 0.95) -> Classification:
    """A decision: accepted as the category, or rejected for None."""
    first = category or CATEGORIES[0]
    rest = (1 - probability) / (len(CATEGORIES) - 1)
    scores = (CategoryScore(first, probability), *(CategoryScore(name, rest) for name in CATEGORIES if name != first))
    if category is None:
        return Classification("rejected", None, "unknown", (), scores, 0.9, MODEL)
    return Classification("accepted", category, "sure", (category,), scores, 0.01, MODEL)


class FakeRouter:
    """Says what it is told: ``answer`` for every picture; counts how often it is asked.

    Unlike the real one it looks at nothing.
    """

    def __init__(self, answer: str | None = "us_cardiac") -> None:
        self.answer = answer
        self.asked: list[Picture] = []

    def classify(self, picture: Picture) -> Classification:
        self.asked.append(picture)
        return classification(self.answer)

    def refuse(self, reason: str) -> Classification:
        return Classification("rejected", None, reason, (), (), 1.0, MODEL)
