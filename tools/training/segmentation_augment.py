"""Change training pictures as other scanners, hospitals and cables would; masks follow every change of shape."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.preprocessing import fit
from tools.training import segmentation_appearance as appearance
from tools.training.segmentation_settings import Augmentation

BEND_NODES: Final = 5
"""Rows and columns of the coarse grid whose points a smooth deformation moves."""


def augmented(
    image: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    size: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One changed copy of a picture with its masks.

    Args:
        image: Gray (h, w), uint8.
        masks: Shape (h, w, labels), uint8, 0 outside to 255 inside.
        size: Rows and columns of the network's input.
        augmentation: How strongly.
        rng: Source of chance.

    Returns:
        The picture (size, size) and the covered fraction of each output pixel (size / 2, size / 2, labels), 0 to 255.
    """
    canvas = 2 * size
    x, y = _sampling_map(image.shape, canvas, augmentation, rng)
    border = int(rng.integers(0, 40)) if augmentation.ultrasound or rng.random() < 0.7 else int(rng.integers(0, 256))
    moved = cv2.remap(_reduced(image, x), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border)
    changed = appearance.change(moved, augmentation, rng)  # type: ignore[arg-type]
    # Every second point in both directions, shifted to the middle of its four: the masks at half the canvas.
    half_x, half_y = (cv2.resize(axis, (size, size), interpolation=cv2.INTER_AREA) for axis in (x, y))
    followed = cv2.remap(masks, half_x, half_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return fit(changed, size, size), coverage(followed.reshape(size, size, -1), size // 2)  # type: ignore[arg-type]


def coverage(masks: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """How much of each pixel of a (size, size) grid the masks cover, 0 to 255, shape (size, size, labels)."""
    small = cv2.resize(masks, (size, size), interpolation=cv2.INTER_AREA)
    return small.reshape(size, size, -1)  # type: ignore[return-value]


def _reduced(image: NDArray[np.uint8], x: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture, blurred so that sampling it with wider steps than a pixel does not alias."""
    middle = x.shape[0] // 2
    step = float(np.hypot(x[middle, middle + 1] - x[middle, middle], x[middle + 1, middle] - x[middle, middle]))
    return cv2.GaussianBlur(image, (0, 0), 0.5 * step) if step > 1.3 else image  # type: ignore[return-value]


def _sampling_map(
    shape: tuple[int, ...], canvas: int, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each point of the canvas, where in the picture it comes from: x and y, shape (canvas, canvas) each."""
    height, width = shape[:2]
    zoom = float(np.exp(rng.uniform(np.log(augmentation.smallest_zoom), np.log(augmentation.largest_zoom))))
    if rng.random() < 0.3:
        zoom = 1.0  # as the device mostly sees it
    stretch = float(np.exp(rng.normal(0, augmentation.aspect) / 2))
    angle = np.radians(rng.normal(0, augmentation.rotation_degree))
    flip = -1.0 if rng.random() < augmentation.flip_probability else 1.0
    shift = rng.uniform(-augmentation.shift, augmentation.shift, 2)
    grid = (np.arange(canvas) + 0.5) / canvas - 0.5
    u, v = np.meshgrid(grid, grid)
    if augmentation.bend:
        u, v = u + _smooth(canvas, augmentation.bend, rng), v + _smooth(canvas, augmentation.bend, rng)
    # From the squashed canvas to the picture's own shape, turn there, and go to its pixels.
    across, down = (u - shift[0]) * width * stretch / zoom * flip, (v - shift[1]) * height / stretch / zoom
    cosine, sine = np.cos(angle), np.sin(angle)
    x = across * cosine - down * sine + width / 2 - 0.5
    y = across * sine + down * cosine + height / 2 - 0.5
    return x.astype(np.float32), y.astype(np.float32)


def _smooth(size: int, deviation: float, rng: np.random.Generator) -> NDArray[np.float64]:
    nodes = rng.normal(0, deviation, (BEND_NODES, BEND_NODES)).astype(np.float32)
    return cv2.resize(nodes, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.float64)
