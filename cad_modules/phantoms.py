"""Drawn pictures and drawn network outputs, from seeds, to try a CAD module on; nothing here comes from a patient."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import Image
from models.bundle import Card, Prediction

_PICTURE_SEED: Final = 20240501
_OUTPUT_SEED: Final = 20240502


@dataclass(frozen=True, slots=True)
class BundleShape:
    """What a drawn output must look like to pass for a bundle's."""

    labels: tuple[str, ...]
    task: Literal["classification", "segmentation"] = "segmentation"
    rows: int = 256
    columns: int = 256

    @classmethod
    def of(cls, card: Card) -> "BundleShape":
        """The shape that a card says."""
        return cls(card.labels, card.task, card.input.height, card.input.width)


def pictures() -> Iterator[tuple[str, Image]]:
    """Gray pictures that a module may meet, read-only, each with what it is."""
    for name, image in _pictures():
        image.setflags(write=False)
        yield name, image


@lru_cache(maxsize=32)
def outputs(shape: BundleShape) -> tuple[tuple[str, Prediction], ...]:
    """What a bundle may say of a picture, read-only, each with what it is: from nothing over shapes to pure noise."""
    random = np.random.default_rng(_OUTPUT_SEED)
    drawn = tuple(_classifications(shape, random) if shape.task == "classification" else _maps(shape, random))
    for _, prediction in drawn:
        prediction.values.setflags(write=False)
    return drawn


def _pictures() -> Iterator[tuple[str, Image]]:
    random = np.random.default_rng(_PICTURE_SEED)

    def noise(height: int, width: int, mean: float, spread: float) -> Image:
        return np.clip(random.normal(mean, spread, (height, width)), 0, 255).astype(np.uint8)

    yield "black", np.zeros((240, 320), np.uint8)
    yield "white", np.full((240, 320), 255, np.uint8)
    yield "one gray", np.full((200, 200), 127, np.uint8)
    yield "16 x 16", noise(16, 16, 120, 60)
    yield "17 x 511", noise(17, 511, 120, 60)
    yield "511 x 17", noise(511, 17, 120, 60)
    yield "noise", noise(233, 317, 128, 80)
    yield "low contrast", noise(240, 320, 90, 1.5)
    yield "tissue", np.clip(cv2.GaussianBlur(noise(240, 320, 110, 90), (0, 0), 3) * 3.0 - 220, 0, 255).astype(np.uint8)
    yield "part of a larger picture", noise(300, 400, 110, 50)[20:261, 31:350]


def _classifications(shape: BundleShape, random: np.random.Generator) -> Iterator[tuple[str, Prediction]]:
    yield "equal logits", Prediction(shape.labels, np.zeros(len(shape.labels), np.float32))
    for number in range(4):
        yield f"logits {number}", Prediction(shape.labels, random.normal(0, 4, len(shape.labels)).astype(np.float32))


def _maps(shape: BundleShape, random: np.random.Generator) -> Iterator[tuple[str, Prediction]]:
    size = (shape.rows, shape.columns)

    def stack(draw: Callable[[], NDArray[Any]]) -> Prediction:
        maps = [np.clip(draw(), 0, 1) for _ in shape.labels]
        return Prediction(shape.labels, np.stack(maps, axis=-1).astype(np.float32))

    def ellipse(radius: tuple[float, float], centre: tuple[float, float]) -> NDArray[Any]:
        canvas, scale = np.zeros(size, np.float32), min(size)
        middle = (random.uniform(*centre) * shape.columns, random.uniform(*centre) * shape.rows)
        axes = (2 * random.uniform(*radius) * scale, 2 * random.uniform(*radius) * scale)
        cv2.ellipse(canvas, (middle, axes, random.uniform(0, 180)), 1.0, cv2.FILLED)
        return cv2.GaussianBlur(canvas, (0, 0), 1)

    def line() -> NDArray[Any]:
        canvas, ends = np.zeros(size, np.float32), random.integers(0, min(size), (2, 2)).tolist()
        return cv2.line(canvas, ends[0], ends[1], 1.0, 1)

    def noise() -> NDArray[Any]:
        return random.random(size, dtype=np.float32)

    yield "empty maps", stack(lambda: np.full(size, 0.002))
    yield "full maps", stack(lambda: np.full(size, 0.998))
    for number in range(5):
        yield f"ellipses {number}", stack(lambda: ellipse((0.08, 0.3), (0.25, 0.75)))
    yield "cut-off ellipses", stack(lambda: ellipse((0.2, 0.4), (-0.1, 0.2)))
    yield "specks", stack(lambda: ellipse((0.003, 0.006), (0.1, 0.9)))
    yield "lines", stack(line)
    yield "blobs", stack(lambda: cv2.GaussianBlur(noise(), (0, 0), 6) * 8 - 3.5)
    yield "noise", stack(noise)
