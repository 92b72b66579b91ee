"""Spoil the anatomy of real pictures and keep their texture: what organs that the router doesn't know may look like.

The network learns to refuse the results. Source of the idea: Hendrycks et al., "Deep Anomaly Detection with Outlier
Exposure", ICLR 2019; the outliers here are made from the training pictures themselves.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def scramble(image: Image, rng: Generator) -> Image:
    """The picture cut into 3 x 3 to 5 x 5 tiles and put together wrongly: its texture without its anatomy."""
    count = int(rng.integers(3, 6))
    rows, columns = image.shape[0] // count, image.shape[1] // count
    tiles = [
        image[r * rows : (r + 1) * rows, c * columns : (c + 1) * columns] for r in range(count) for c in range(count)
    ]
    order = rng.permutation(len(tiles))
    turned = [tiles[index][:: int(rng.choice([1, -1])), :: int(rng.choice([1, -1]))] for index in order]
    lines = [np.concatenate(turned[start : start + count], axis=1) for start in range(0, len(turned), count)]
    return np.ascontiguousarray(np.concatenate(lines, axis=0))


def warp(image: Image, rng: Generator, strength: float | None = None) -> Image:
    """The picture pushed by about a tenth of its size (or by this share of it), in another direction at every place."""
    height, width = image.shape[:2]
    points = int(rng.integers(3, 6))
    strength = float(rng.uniform(0.07, 0.14)) if strength is None else strength
    shifts = rng.normal(0, strength, (2, points, points)).astype(np.float32)
    across, down = (cv2.resize(shift, (width, height), interpolation=cv2.INTER_CUBIC) for shift in shifts)
    y, x = np.indices((height, width), np.float32)
    moved = cv2.remap(image, x + across * width, y + down * height, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def blend(image: Image, other: Image, rng: Generator) -> Image:
    """Two pictures of different categories in one: mixed, or half of each side by side; size of the first, BGR."""
    height, width = image.shape[:2]
    first = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    second = other if other.ndim == 3 else cv2.cvtColor(other, cv2.COLOR_GRAY2BGR)
    second = cv2.resize(second, (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.6:
        # As bright as the first, or a dark one would leave the first as it was.
        second = cv2.convertScaleAbs(second, alpha=float(np.clip((first.mean() + 1) / (second.mean() + 1), 0.4, 4)))
        share = float(rng.uniform(0.4, 0.6))
        return np.asarray(cv2.addWeighted(first, share, second, 1 - share, 0), np.uint8)
    joined = np.array(first, np.uint8)
    middle = int(width * rng.uniform(0.4, 0.6))
    joined[:, middle:] = second[:, middle:]
    return joined


def empty_middle(image: Image, rng: Generator) -> Image:
    """All but the border of the picture level and empty, or grainy: a frame, a ruler or a corner is no organ."""
    height, width = image.shape[:2]
    rows, columns = (max(1, round(float(rng.uniform(0.03, 0.16)) * size)) for size in (height, width))
    emptied = np.array(image)
    middle = emptied[rows : height - rows, columns : width - columns]
    if not middle.size:
        return emptied
    levels = float(rng.choice([np.median(image), 0, rng.uniform(0, 255)], p=[0.5, 0.3, 0.2]))
    grain = rng.normal(0, float(rng.uniform(0, 25)) * float(rng.random() < 0.3), middle.shape[:2])
    filled = np.clip(levels + grain, 0, 255).astype(np.uint8)
    middle[:] = filled if image.ndim == 2 else filled[:, :, None]
    return emptied
