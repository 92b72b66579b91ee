"""Masks for pictures without labels, drawn by a network that was trained on labelled ones, where it is sure.

Source: Xie et al., "Self-training with Noisy Student improves ImageNet classification", CVPR 2020: the teacher sees
clean pictures, the student strongly changed ones.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.preprocessing import fit
from tools.training.bundle_writer import to_real
from tools.training.dataset import Row, read_image
from tools.training.segmentation_data import LONGEST_SIDE, Sample
from tools.training.segmentation_metrics import dice
from tools.training.segmentation_settings import SegmentationSettings

ZOOMS: Final = (1.0, 0.85, 1.1)
GAMMAS: Final = (1.0, 0.6, 1.6)
SMALLEST_AGREEMENT: Final = 0.88
"""Dice of any view's mask with the mean's, for every label; below it the picture is left out."""
SMALLEST_MAIN_PART: Final = 0.97
"""Area of the largest region over that of all: a structure in pieces is a wrong one."""


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """The picture as shown to the teacher once, and the way back."""

    image: NDArray[np.uint8]
    zoom: float


def taught_samples(teacher: Any, rows: Iterable[Row], settings: SegmentationSettings) -> list[Sample]:
    """The pictures on which several views of the teacher agree, with the mean of its answers as soft masks."""
    samples = []
    for row in rows:
        image = read_image(row.path)
        scale = LONGEST_SIDE / max(image.shape)
        if scale < 1:
            target = (round(image.shape[1] * scale), round(image.shape[0] * scale))
            image = cv2.resize(image, target, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        probabilities = _answers(teacher, image, settings)
        mean = probabilities.mean(axis=0)
        if is_sure(probabilities > 0.5, mean > 0.5):
            masks = cv2.resize(mean, image.shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(*image.shape, -1)
            samples.append(Sample(image, (masks * 255).round().astype(np.uint8)))
    return samples


def is_sure(views: NDArray[np.bool_], mean: NDArray[np.bool_]) -> bool:
    """Whether every structure is there in one piece and all views agree on it.

    Args:
        views: Shape (views, rows, columns, labels).
        mean: Shape (rows, columns, labels).
    """
    for label in range(mean.shape[-1]):
        _, _, stats, _ = cv2.connectedComponentsWithStats(mean[..., label].astype(np.uint8))
        areas = stats[1:, cv2.CC_STAT_AREA]
        if not areas.size or areas.max() < SMALLEST_MAIN_PART * areas.sum():
            return False
        if min(dice(view[..., label], mean[..., label]) for view in views) < SMALLEST_AGREEMENT:
            return False
    return True


def _answers(teacher: Any, image: NDArray[np.uint8], settings: SegmentationSettings) -> NDArray[np.float32]:
    """Probabilities of every view, brought back to the plain view's grid, (views, rows, columns, labels)."""
    views = list(_views(image, settings.size))
    inputs = to_real(np.stack([view.image for view in views]))[..., np.newaxis]
    probabilities = 1 / (1 + np.exp(-np.asarray(teacher(inputs, training=False))))
    size = probabilities.shape[1]
    back = [
        cv2.warpAffine(p, _about_middle(1 / view.zoom, size), (size, size)).reshape(size, size, -1)
        for p, view in zip(probabilities, views, strict=True)
    ]
    return np.stack(back).astype(np.float32)


def _views(image: NDArray[np.uint8], size: int) -> Iterator[_View]:
    plain = fit(image, size, size)
    for zoom, gamma in ((zoom, gamma) for zoom in ZOOMS for gamma in GAMMAS):
        levels = (np.linspace(0, 1, 256) ** gamma * 255).round().astype(np.uint8)
        turned = cv2.LUT(plain, levels)
        yield _View(cv2.warpAffine(turned, _about_middle(zoom, size), (size, size)), zoom)  # type: ignore[arg-type]


def _about_middle(zoom: float, size: int) -> NDArray[np.float64]:
    middle = (size - 1) / 2
    return np.array([[zoom, 0, middle * (1 - zoom)], [0, zoom, middle * (1 - zoom)]])
