"""Drawn pictures, shaped roughly like the real ones: inputs of the golden vectors, free of anyone's data."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.preprocessing import fit

_SIDE: Final = 512
_SPECKLE_DEVIATION: Final = 0.35


def phantoms(name: str, size: int, count: int, seed: int) -> NDArray[np.uint8]:
    """Pictures for one bundle, drawn from a seed.

    Args:
        name: Of the bundle.
        size: Rows and columns.
        count: Number of pictures.
        seed: The same seed gives the same pictures.

    Returns:
        Shape (count, size, size, 1), uint8.

    Raises:
        KeyError: No picture is known for the bundle.
    """
    rng = np.random.default_rng(seed)
    draw = _DRAWN[name]
    return np.stack([fit(draw(rng), size, size)[:, :, np.newaxis] for _ in range(count)])


def _chest(rng: np.random.Generator) -> NDArray[np.uint8]:
    image = np.full((_SIDE, _SIDE), 20, np.uint8)
    cv2.ellipse(image, _near(256, 330, rng), (215, 330), 0, 0, 360, 170, -1)
    for side in (-1, 1):
        cv2.ellipse(image, _near(256 + side * 95, 235, rng), (62, 140), side * -6, 0, 360, 75, -1)
    cv2.ellipse(image, _near(285, 310, rng), (78, 62), 35, 0, 360, 195, -1)
    cv2.line(image, (256, 0), (256, 511), 205, 34)
    return _grained(cv2.GaussianBlur(image, (0, 0), 5), 0.04, rng)  # type: ignore[arg-type]


def _fetal_head(rng: np.random.Generator) -> NDArray[np.uint8]:
    image = np.full((_SIDE, _SIDE), 70, np.uint8)
    centre, axes, angle = _near(256, 256, rng), (int(rng.integers(130, 180)), int(rng.integers(100, 130))), 20
    cv2.ellipse(image, centre, axes, angle, 0, 360, 35, -1)
    cv2.ellipse(image, centre, axes, angle, 0, 360, 230, 10)
    cv2.ellipse(image, centre, (axes[0] - 20, 2), angle, 0, 360, 140, -1)
    return _in_sector(_grained(image, _SPECKLE_DEVIATION, rng))


def _left_ventricle(rng: np.random.Generator) -> NDArray[np.uint8]:
    image = np.full((_SIDE, _SIDE), 100, np.uint8)
    x, y = _near(290, 230, rng)
    cv2.ellipse(image, (x, y), (85, 150), 8, 0, 360, 170, -1)
    cv2.ellipse(image, (x, y + 10), (58, 125), 8, 0, 360, 25, -1)
    cv2.ellipse(image, (x - 15, y + 190), (60, 50), 0, 0, 360, 25, -1)
    cv2.line(image, (x - 70, y + 140), (x + 50, y + 140), 200, 5)
    return _in_sector(_grained(image, _SPECKLE_DEVIATION, rng))


def _breast(rng: np.random.Generator) -> NDArray[np.uint8]:
    image = _layered(rng, (150, 95, 120))
    centre, axes = _near(256, 230, rng), (int(rng.integers(60, 100)), int(rng.integers(40, 60)))
    cv2.rectangle(image, (centre[0] - axes[0], centre[1]), (centre[0] + axes[0], _SIDE), 165, -1)
    cv2.ellipse(image, centre, axes, float(rng.integers(-15, 16)), 0, 360, 25, -1)
    return _grained(cv2.GaussianBlur(image, (0, 0), 2), _SPECKLE_DEVIATION, rng)  # type: ignore[arg-type]


def _nerve(rng: np.random.Generator) -> NDArray[np.uint8]:
    image = _layered(rng, (110, 60, 45))
    cv2.ellipse(image, _near(190, 260, rng), (62, 52), 0, 0, 360, 8, -1)
    x, y = _near(330, 250, rng)
    cv2.ellipse(image, (x, y), (68, 42), 10, 0, 360, 190, -1)
    for across, down in ((-30, -8), (0, 12), (4, -16), (32, 6)):
        cv2.circle(image, (x + across, y + down), 11, 70, -1)
    return _grained(cv2.GaussianBlur(image, (0, 0), 2), _SPECKLE_DEVIATION, rng)  # type: ignore[arg-type]


def _liver(rng: np.random.Generator) -> NDArray[np.uint8]:
    image = np.full((_SIDE, _SIDE), 60, np.uint8)
    cv2.ellipse(image, (240, 260), (190, 200), 0, 0, 360, 110, -1)
    cv2.ellipse(image, (240, 260), (190, 200), 0, 60, 160, 230, 7)
    cv2.circle(image, _near(250, 250, rng), int(rng.integers(40, 65)), 50, -1)
    return _in_sector(_grained(cv2.GaussianBlur(image, (0, 0), 2), _SPECKLE_DEVIATION, rng))  # type: ignore[arg-type]


def _layered(rng: np.random.Generator, grays: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Skin, fat and muscle of a linear probe: bands of gray with bright borders."""
    image = np.full((_SIDE, _SIDE), grays[-1], np.uint8)
    for top, gray in zip((0, 60, 380), grays, strict=True):
        edge = top + int(rng.integers(-12, 13))
        image[max(edge, 0) :] = gray
        cv2.line(image, (0, edge), (_SIDE, edge + int(rng.integers(-15, 16))), 215, 5)
    return image


def _near(x: int, y: int, rng: np.random.Generator) -> tuple[int, int]:
    return x + int(rng.integers(-12, 13)), y + int(rng.integers(-12, 13))


def _grained(image: NDArray[np.uint8], deviation: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    grain = cv2.blur(rng.standard_normal(image.shape), (3, 3)) * 3
    changed: NDArray[np.float64] = np.clip(image * (1 + deviation * grain), 0, 255)
    return changed.astype(np.uint8)


def _in_sector(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    sector = np.zeros_like(image)
    cv2.ellipse(sector, (_SIDE // 2, -40), (_SIDE + 30, _SIDE + 30), 90, -38, 38, 1, -1)
    return image * sector


_DRAWN: Final = {
    "chest_segmentation": _chest,
    "fetal_head_segmentation": _fetal_head,
    "left_ventricle_segmentation": _left_ventricle,
    "breast_segmentation": _breast,
    "nerve_segmentation": _nerve,
    "liver_segmentation": _liver,
}
