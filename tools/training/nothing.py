"""Draw pictures that the router must refuse: no signal, menus, documents, noise, phantoms, probes in air."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tools.training.screens import empty_screen, random_colour, write_text

Image = NDArray[np.uint8]


def _blank(rng: Generator) -> Image:
    canvas = np.full((96, 128, 3), random_colour(rng, 0, 256), np.uint8)
    return np.clip(canvas + rng.normal(0, rng.uniform(0, 6), canvas.shape), 0, 255).astype(np.uint8)


def _gradient(rng: Generator) -> Image:
    corners = rng.integers(0, 256, (int(rng.integers(1, 4)), int(rng.integers(2, 5)), 3)).astype(np.uint8)
    if rng.random() < 0.6:
        corners = corners[:, :, :1].repeat(3, axis=2)
    return cv2.resize(corners, (160, 120), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _noise(rng: Generator) -> Image:
    rows, columns = int(rng.integers(16, 200)), int(rng.integers(16, 200))
    channels = 1 if rng.random() < 0.7 else 3
    noise = rng.normal(rng.uniform(20, 200), rng.uniform(10, 80), (rows, columns, channels))
    image = np.clip(noise, 0, 255).astype(np.uint8).repeat(3 // channels, axis=2)
    return cv2.resize(image, (160, 120), interpolation=int(rng.choice([0, 1, 2])))  # type: ignore[return-value]


def _colour_bars(rng: Generator) -> Image:
    count = int(rng.integers(4, 12))
    bars = rng.permutation(np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)]) * int(rng.integers(150, 256)))
    row = np.resize(bars, (1, count, 3)).astype(np.uint8)
    image = cv2.resize(row, (200, 120), interpolation=cv2.INTER_NEAREST)
    return image if rng.random() < 0.7 else np.ascontiguousarray(image.transpose(1, 0, 2))  # type: ignore[return-value]


def _document(rng: Generator) -> Image:
    paper = int(rng.integers(180, 256)) if rng.random() < 0.7 else int(rng.integers(0, 60))
    canvas = np.full((220, 180, 3), paper, np.uint8)
    ink = random_colour(rng, 0, 90) if paper > 127 else random_colour(rng, 150, 256)
    scale, step = float(rng.uniform(0.2, 0.7)), int(rng.integers(8, 24))
    for y in range(step, 220, step):
        if rng.random() < 0.85:
            for x in range(int(rng.integers(2, 20)), 170, 60):
                write_text(canvas, rng, x, y, ink, scale)
    return canvas


def _menu(rng: Generator) -> Image:
    canvas = empty_screen(rng)
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(3, 14))):
        x, y = int(rng.uniform(0, 0.9) * width), int(rng.uniform(0, 0.9) * height)
        size = int(rng.uniform(0.05, 0.4) * width), int(rng.uniform(0.04, 0.2) * height)
        fill = -1 if rng.random() < 0.7 else 1
        cv2.rectangle(canvas, (x, y), (x + size[0], y + size[1]), random_colour(rng, 30, 256), fill)
        write_text(canvas, rng, x + 3, y + size[1] // 2 + 4, random_colour(rng))
    return canvas


def _shapes(rng: Generator) -> Image:
    canvas = np.full((150, 180, 3), random_colour(rng, 0, 256), np.uint8)
    for _ in range(int(rng.integers(2, 20))):
        centre = int(rng.integers(0, 180)), int(rng.integers(0, 150))
        axes = int(rng.integers(3, 70)), int(rng.integers(3, 70))
        colour, thickness = random_colour(rng, 0, 256), int(rng.choice([-1, 1, 3]))
        cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, thickness)
    return canvas


def _test_pattern(rng: Generator) -> Image:
    cells = int(rng.integers(2, 16))
    board = (np.indices((cells, cells)).sum(axis=0) % 2 * int(rng.integers(60, 256))).astype(np.uint8)
    image = cv2.resize(board, (160, 160), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)


def speckle_phantom(rng: Generator, height: int = 150, width: int = 190) -> Image:
    """Ultrasound speckle without anatomy: even, with a depth gradient, round cysts or bright wires; BGR."""
    real, imaginary = rng.normal(size=(2, height, width)).astype(np.float32)
    grain = float(rng.uniform(0.6, 1.8)), float(rng.uniform(0.5, 1.0))
    envelope = np.hypot(*(cv2.GaussianBlur(part, (0, 0), grain[0], sigmaY=grain[1]) for part in (real, imaginary)))
    for _ in range(int(rng.integers(0, 6))):
        mask = np.zeros((height, width), np.float32)
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        radius = int(rng.choice([2, int(rng.integers(4, 20))]))
        cv2.circle(mask, centre, radius, 1, -1)
        envelope *= 1 + mask * float(rng.choice([-0.9, 2.5]))
    depth = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    envelope *= np.exp(-depth * float(rng.uniform(0, 4)))
    decibels = 20 * np.log10(envelope / envelope.max() + 1e-4)
    gray = np.clip((decibels / float(rng.uniform(35, 70)) + 1) * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)


def idle_sector(rng: Generator, height: int = 170, width: int = 200) -> Image:
    """What a probe in air shows: rings of reverberation below its face, then faint noise or black; BGR."""
    y, x = np.indices((height, width), np.float32)
    linear = rng.random() < 0.25
    above = float(rng.uniform(0.02, 0.9)) * height  # of the fan's apex over the picture
    across = x - width * float(rng.uniform(0.45, 0.55))
    radius = y + above if linear else np.hypot(across, y + above)
    inside = np.abs(across) < width * 0.45 if linear else np.abs(np.arctan2(across, y + above)) < rng.uniform(0.4, 1.1)
    face = above + height * float(rng.uniform(0, 0.12))
    reach = above + height * float(rng.uniform(0.8, 1.0))
    depth = (radius - face) / (reach - face)
    inside &= (depth >= 0) & (depth <= 1)
    grain = cv2.GaussianBlur(
        rng.rayleigh(1.0, (height, width)).astype(np.float32), (0, 0), float(rng.uniform(0.5, 1.2))
    )
    ringing = 1 + float(rng.uniform(0, 0.8)) * np.cos(depth * (2 * np.pi / float(rng.uniform(0.015, 0.08))))
    near = np.exp(-depth / float(rng.uniform(0.015, 0.12))) * ringing * float(rng.uniform(60, 220))
    far = float(rng.uniform(0, 1) ** 2 * 45) * np.exp(-depth / float(rng.uniform(0.3, 3)))
    gray = np.where(inside, np.clip((near + far) * grain, 0, 255), 0).astype(np.uint8)
    return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)


_DRAWINGS: Final[tuple[Callable[[Generator], Image], ...]] = (
    _blank,
    _gradient,
    _noise,
    _colour_bars,
    _document,
    _menu,
    _shapes,
    _test_pattern,
    empty_screen,
    speckle_phantom,
    speckle_phantom,
)


def draw_nothing(rng: Generator) -> Image:
    """A picture of no body part, BGR, about 100 to 260 pixels wide."""
    return _DRAWINGS[int(rng.integers(len(_DRAWINGS)))](rng)
