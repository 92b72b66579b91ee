"""Drawn anatomy: network maps and pictures of known size."""

from collections.abc import Callable

import numpy as np
import pytest

from cad_modules.contract import AnalysisContext
from models.bundle import Prediction

ROWS = COLUMNS = 256

USUAL_CHEST = Prediction(("opacity", "mirrored"), np.full((14, 14, 2), 0.02, np.float32))
"""What the bundle of that name says of a clear chest that is not mirrored."""

DrawEllipse = Callable[..., np.ndarray]
MakeContext = Callable[..., AnalysisContext]


@pytest.fixture
def draw_ellipse() -> DrawEllipse:
    """Draws an ellipse, given in pixels of a picture, on a network's map of that picture."""

    def draw(picture: tuple[int, int], x, y, semi_x, semi_y, degrees=0.0, softness=0.8) -> np.ndarray:
        height, width = picture
        rows, columns = np.mgrid[:ROWS, :COLUMNS]
        across = (columns + 0.5) * width / COLUMNS - 0.5 - x
        down = (rows + 0.5) * height / ROWS - 0.5 - y
        turn = np.radians(degrees)
        along, aside = across * np.cos(turn) + down * np.sin(turn), down * np.cos(turn) - across * np.sin(turn)
        distance = (np.hypot(along / semi_x, aside / semi_y) - 1) * np.sqrt(semi_x * semi_y)
        return (1 / (1 + np.exp(np.clip(distance / softness, -50, 50)))).astype(np.float32)

    return draw


@pytest.fixture
def make_context() -> MakeContext:
    """A context whose one bundle says what it is told."""

    def make(category: str, mm_per_pixel: float | None = None, **maps: np.ndarray) -> AnalysisContext:
        prediction = Prediction(tuple(maps), np.stack(list(maps.values()), axis=-1)) if maps else None

        def infer(name: str) -> Prediction:
            assert prediction is not None, f"asked for {name}"
            return USUAL_CHEST if name == "lung_opacity" else prediction

        return AnalysisContext(category, infer, mm_per_pixel)

    return make


@pytest.fixture
def values() -> Callable[..., dict[str, float]]:
    """Feature -> value."""
    return lambda answer: {finding.feature: finding.value for finding in answer.findings}
