"""Draw what other machines of a clinic show, for the router to refuse: endoscope, fundus camera, mammograph ..."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]

SIDE: Final = 176


def _clouds(rng: Generator, cells: int) -> NDArray[np.float32]:
    """Smooth random levels, mean 0 and deviation about 1, shape (SIDE, SIDE)."""
    coarse = rng.normal(size=(cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.float32)


def _to_image(levels: NDArray[np.float32] | NDArray[np.float64]) -> Image:
    if levels.ndim == 2:
        levels = levels[:, :, None].repeat(3, axis=2)
    return np.clip(levels, 0, 255).astype(np.uint8)


def _endoscopy(rng: Generator) -> Image:
    """Red and pink folds with a dark middle and highlights, in a round or cut window."""
    y, x = np.indices((SIDE, SIDE), np.float32)
    row, column = rng.uniform(0.3, 0.7, 2) * SIDE
    away = np.hypot(y - row, x - column) / SIDE
    folds = 0.2 * np.cos(away * float(rng.uniform(10, 50)) + _clouds(rng, 4) * 1.5) + 0.12 * _clouds(rng, 8)
    light = np.clip(away * float(rng.uniform(1.2, 3)), 0.05, 1) * (0.8 + folds)
    colour = np.array([rng.uniform(50, 140), rng.uniform(60, 150), rng.uniform(160, 255)])
    image = light[:, :, None] * colour
    image[(_clouds(rng, 24) + _clouds(rng, 6)) > float(rng.uniform(2.4, 3.4))] = 250
    corner = float(rng.uniform(0.48, 0.75))
    image[np.hypot(y / SIDE - 0.5, x / SIDE - 0.5) > corner] = 0
    return _to_image(image)


def _fundus(rng: Generator) -> Image:
    """An orange disc with a bright head of the nerve and vessels from it."""
    y, x = np.indices((SIDE, SIDE), np.float32)
    image = np.array([30, 80, 190]) * (1 + 0.15 * _clouds(rng, 5))[:, :, None] * float(rng.uniform(0.6, 1.2))
    head = rng.uniform(0.3, 0.7, 2) * SIDE
    canvas = np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8))
    for angle in rng.uniform(0, 2 * np.pi, int(rng.integers(5, 12))):
        points, at = [], head.copy()
        for _ in range(14):
            points.append(at[::-1].copy())
            angle += rng.normal(0, 0.25)
            at += SIDE * 0.05 * np.array([np.sin(angle), np.cos(angle)])
        cv2.polylines(canvas, [np.round(points).astype(np.int32)], False, (20, 30, 110), int(rng.integers(1, 4)))
    cv2.circle(canvas, (int(head[1]), int(head[0])), int(rng.integers(8, 16)), (120, 190, 240), -1)
    canvas[np.hypot(y - SIDE / 2, x - SIDE / 2) > SIDE * float(rng.uniform(0.42, 0.5))] = 0
    return canvas


def _mammogram(rng: Generator) -> Image:
    """A half-round of soft tissue at one edge of a dark plate, with strands of glands."""
    y, x = np.indices((SIDE, SIDE), np.float32)
    tall, wide = float(rng.uniform(0.3, 0.5)), float(rng.uniform(0.35, 0.8))
    row = float(rng.uniform(0.4, 0.6))
    inside = 1 - ((y / SIDE - row) / tall) ** 2 - (x / SIDE / wide) ** 2
    glands = np.clip(0.5 + 0.3 * _clouds(rng, 5) + 0.25 * _clouds(rng, 14) + 0.15 * _clouds(rng, 40), 0, 1.4)
    levels = np.clip(inside * 3, 0, 1) * (60 + 130 * glands * np.clip(inside * 1.5, 0, 1))
    if rng.random() < 0.5:  # the muscle of an oblique view
        levels[y / SIDE + x / SIDE * float(rng.uniform(1, 2.5)) < float(rng.uniform(0.3, 0.7))] += 90
    levels = levels + rng.normal(0, 3, levels.shape)
    return _to_image(levels if rng.random() < 0.5 else levels[:, ::-1])


def _microscopy(rng: Generator) -> Image:
    """Stained cells on a light ground."""
    ground = np.array([rng.uniform(190, 240), rng.uniform(150, 220), rng.uniform(200, 250)])
    canvas = np.ascontiguousarray(_to_image(ground * (1 + 0.08 * _clouds(rng, 20))[:, :, None]))
    stain = tuple(int(value) for value in (rng.uniform(90, 180), rng.uniform(30, 110), rng.uniform(80, 180)))
    for _ in range(int(rng.integers(20, 220))):
        centre = int(rng.integers(0, SIDE)), int(rng.integers(0, SIDE))
        size = int(rng.integers(2, 9)), int(rng.integers(2, 7))
        cv2.ellipse(canvas, centre, size, float(rng.uniform(0, 180)), 0, 360, stain, -1)
    return cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.4, 1.2)))  # type: ignore[return-value]


def _retina_layers(rng: Generator) -> Image:
    """Optical coherence tomography: thin bright layers, with a dip, over dark ground, grainy."""
    y, x = np.indices((SIDE, SIDE), np.float32)
    dip = float(rng.uniform(0, 0.15)) * np.exp(-(((x / SIDE - rng.uniform(0.3, 0.7)) / 0.08) ** 2))
    line = y / SIDE - dip - float(rng.uniform(-0.2, 0.2)) * (x / SIDE - 0.5)
    levels = np.full((SIDE, SIDE), float(rng.uniform(10, 50)), np.float32)
    top = float(rng.uniform(0.3, 0.45))
    for _ in range(int(rng.integers(4, 9))):
        thickness = float(rng.uniform(0.01, 0.06))
        levels[(line > top) & (line < top + thickness)] = float(rng.uniform(40, 220))
        top += thickness
    return _to_image(cv2.GaussianBlur(levels, (0, 0), 1.0) * rng.gamma(6, 1 / 6, levels.shape))


def _scintigram(rng: Generator) -> Image:
    """Counts of a gamma camera: a spotty body, dark on light or light on dark."""
    body = np.zeros((SIDE, SIDE), np.float32)
    middle = SIDE // 2 + int(rng.integers(-15, 15))
    for _ in range(int(rng.integers(3, 14))):
        centre = middle + int(rng.normal(0, 18)), int(rng.uniform(0.05, 0.95) * SIDE)
        size = int(rng.integers(3, 26)), int(rng.integers(3, 34))
        cv2.ellipse(body, centre, size, float(rng.uniform(-30, 30)), 0, 360, float(rng.uniform(0.2, 1)), -1)
    counts = rng.poisson(np.clip(cv2.GaussianBlur(body, (0, 0), 3), 0, None) * float(rng.uniform(4, 30)))
    levels = counts / max(1, counts.max()) * 255.0
    return _to_image(levels if rng.random() < 0.5 else 255 - levels)


def _slices(rng: Generator) -> Image:
    """A cross-section of a body as computed tomography shows it: outline, bright ring of bone, round organs."""
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    middle = (SIDE // 2, SIDE // 2)
    size = int(rng.uniform(0.32, 0.48) * SIDE), int(rng.uniform(0.25, 0.45) * SIDE)
    cv2.ellipse(canvas, middle, size, 0, 0, 360, int(rng.integers(40, 110)), -1)
    inner = int(size[0] * 0.9), int(size[1] * 0.9)
    cv2.ellipse(canvas, middle, inner, 0, 0, 360, int(rng.integers(60, 160)), -1)
    for _ in range(int(rng.integers(3, 12))):
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.7)
        centre = int(middle[0] + away * inner[0] * np.cos(angle)), int(middle[1] + away * inner[1] * np.sin(angle))
        axes = int(rng.integers(3, 26)), int(rng.integers(3, 20))
        level = int(rng.choice([0, 250, int(rng.integers(40, 220))]))
        cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, level, -1)
    noise = rng.normal(0, rng.uniform(2, 12), canvas.shape)
    return _to_image(cv2.GaussianBlur(canvas, (0, 0), 1.0).astype(np.float32) + noise)


def _paper_trace(rng: Generator) -> Image:
    """An electrocardiogram on ruled paper."""
    canvas = np.full((SIDE, SIDE, 3), 245, np.uint8)
    rule = (150, 150, 235) if rng.random() < 0.7 else (220, 210, 160)
    for place in range(0, SIDE, int(rng.integers(5, 12))):
        cv2.line(canvas, (place, 0), (place, SIDE), rule, 1)
        cv2.line(canvas, (0, place), (SIDE, place), rule, 1)
    for row in range(int(rng.integers(20, 40)), SIDE, int(rng.integers(30, 60))):
        x = np.arange(SIDE)
        beat = float(rng.uniform(15, 50))
        spikes = np.exp(-((((x % beat) / beat - 0.5) / 0.05) ** 2)) * float(rng.uniform(8, 22))
        points = np.stack([x, row - spikes + rng.normal(0, 0.6, SIDE)], axis=1).round().astype(np.int32)
        cv2.polylines(canvas, [points], False, (30, 30, 30), 1)
    return canvas


_MACHINES: Final[tuple[Callable[[Generator], Image], ...]] = (
    _endoscopy, _endoscopy, _fundus, _mammogram, _mammogram, _microscopy, _retina_layers, _scintigram, _slices,
    _paper_trace,
)  # fmt: skip


def draw_other(rng: Generator) -> Image:
    """A picture of another kind of machine, BGR, shape (SIDE, SIDE, 3)."""
    return _MACHINES[int(rng.integers(len(_MACHINES)))](rng)
