"""Make pictures from the tissue of training pictures that show none of the organs: to be refused.

Patches put together, the organ painted over, the place beside it, its phases scattered, or too small a piece of it.
Source of the idea: Yun et al., "CutMix", ICCV 2019, here across categories and with `reject` as the label; Hendrycks et
al., "Deep Anomaly Detection with Outlier Exposure", ICLR 2019.
"""

from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

LONGEST: Final = 220
"""Pixels of the longer side of what is made."""
TRIES: Final = 12


def patch(image: Image, rng: Generator, least: float = 0.03, most: float = 0.2) -> Image:
    """A piece of a gray picture with this share of its area; of three, the one with the least darkness."""
    height, width = image.shape
    best, lit = image, -1.0
    for _ in range(3):
        area, aspect = float(rng.uniform(least, most)) * height * width, float(np.exp(rng.uniform(-0.5, 0.5)))
        rows = int(np.clip(np.sqrt(area / aspect), 8, height))
        columns = int(np.clip(np.sqrt(area * aspect), 8, width))
        y, x = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
        piece = image[y : y + rows, x : x + columns]
        share = float((piece > 10).mean())
        if share > lit:
            best, lit = piece, share
        if lit > 0.7:
            break
    if rng.random() < 0.5:
        best = best[:, ::-1]
    return np.ascontiguousarray(best)


def collage(images: list[Image], rng: Generator) -> Image:
    """Pieces of gray pictures as layers, as cells or one within another, of like brightness; no organ is left whole."""
    height, width = int(rng.integers(120, LONGEST)), int(rng.integers(140, LONGEST))
    pieces = [cv2.resize(patch(image, rng), (width, height), interpolation=cv2.INTER_LINEAR) for image in images]
    level = float(np.mean([piece.mean() for piece in pieces]))
    y, x = np.indices((height, width), np.float32)
    how = rng.random()
    if how < 0.4:
        along = x / width - 0.5
        line = y / height + float(rng.uniform(-0.3, 0.3)) * along + float(rng.uniform(-0.8, 0.8)) * along**2
        edges = np.sort(rng.uniform(0.1, 0.9, len(pieces) - 1))
        which = np.searchsorted(edges, line)
    elif how < 0.7:
        seeds = rng.uniform(0, 1, (2 * len(pieces), 2)) * (height, width)
        nearest = np.stack([(y - row) ** 2 + (x - column) ** 2 for row, column in seeds]).argmin(axis=0)
        which = nearest % len(pieces)
    else:
        which = np.zeros((height, width), np.int64)
        for number in range(1, len(pieces)):
            a, b = rng.uniform(0.12, 0.45, 2)
            row, column = rng.uniform(0.15, 0.85, 2)
            which[((y / height - row) / a) ** 2 + ((x / width - column) / b) ** 2 < 1] = number
    result = np.zeros((height, width), np.float32)
    total = np.zeros((height, width), np.float32)
    soft = float(rng.uniform(0.5, 5))
    for number, piece in enumerate(pieces):
        share = cv2.GaussianBlur((which == number).astype(np.float32), (0, 0), soft)
        gain = float(np.clip((level + 4) / (piece.mean() + 4), 0.5, 3)) * float(rng.uniform(0.6, 1.5))
        result += share * piece * gain
        total += share
    return np.clip(result / np.maximum(total, 1e-3), 0, 255).astype(np.uint8)


def paint_over(image: Image, organ: Mask, filling: Image, rng: Generator) -> Image:
    """The gray picture with other tissue where the organ is.

    Args:
        image: Gray, (h, w).
        organ: Same shape.
        filling: Gray tissue of any size.
        rng: Gives edge and brightness.
    """
    height, width = image.shape
    reach = max(3, round(0.04 * max(height, width)))
    grown = cv2.dilate(organ.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(np.float32)
    share = cv2.GaussianBlur(grown, (0, 0), float(rng.uniform(1, 5)))
    tissue = cv2.resize(filling, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    around = image[(grown == 0) & (image > 10)]
    wanted = float(np.median(around)) if around.size else 60.0
    tissue *= float(np.clip((wanted + 4) / (tissue.mean() + 4), 0.3, 4)) * float(rng.uniform(0.7, 1.3))
    return np.clip(image + (tissue - image) * share, 0, 255).astype(np.uint8)


def beside(image: Image, organ: Mask, rng: Generator) -> Image | None:
    """A piece of the gray picture that shows tissue but hardly any of the organ; None if none is found."""
    height, width = image.shape
    for _ in range(TRIES):
        rows, columns = (int(size * rng.uniform(0.2, 0.5)) for size in (height, width))
        y, x = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
        window = slice(y, y + rows), slice(x, x + columns)
        if min(rows, columns) >= 16 and organ[window].mean() < 0.04 and (image[window] > 12).mean() > 0.6:
            return np.ascontiguousarray(image[window])
    return None


def scatter_phases(image: Image, rng: Generator) -> Image:
    """The gray picture with the same frequencies at random places: its grain and direction without any outline."""
    small = cv2.resize(image, (160, 128), interpolation=cv2.INTER_AREA).astype(np.float32)
    spectrum = np.fft.rfft2(small)
    kept = float(rng.uniform(0.6, 1.0))
    scattered = np.abs(spectrum) * np.exp(1j * (np.angle(spectrum) + kept * rng.uniform(-np.pi, np.pi, spectrum.shape)))
    scattered[0, 0] = spectrum[0, 0]
    return np.clip(np.fft.irfft2(scattered, s=small.shape), 0, 255).astype(np.uint8)
