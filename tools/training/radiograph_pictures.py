"""Pictures for the classifiers of radiographs: read once, and changed as other hospitals would show them."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cad_modules.chest_field import chest_field
from cad_modules.radiograph import usual_polarity
from models.bundle import BUILT_IN_BUNDLES, Bundle
from models.preprocessing import fit
from tools.training.dataset import Row, read_image
from tools.training.radiograph_settings import RadiographSettings

Image = NDArray[np.uint8]

KEPT_SIDE: Final = 288
"""Pictures are kept so large; what the network sees is cut out of it."""
MAP_STRIDE: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture with its target."""

    row: Row
    image: Image
    """Gray, bone white, longest side ``KEPT_SIDE``."""
    target: int
    weight: float
    field: Image | None
    """Where the chest is, 0 or 255, same size; None for networks that do not ask."""


def load(rows: list[Row], settings: RadiographSettings) -> list[Picture]:
    """The pictures of a network's sets, each read and reduced once."""
    chest = Bundle(BUILT_IN_BUNDLES / "chest_segmentation") if settings.head == "map" else None
    pictures = []
    for row in rows:
        target = settings.target(row)
        if target is None:
            continue
        image = usual_polarity(read_image(row.path), row.category)
        scale = KEPT_SIDE / max(image.shape)
        size = max(round(image.shape[1] * scale), 8), max(round(image.shape[0] * scale), 8)
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        field = None
        if chest is not None:
            inside = chest_field(chest.infer(image)).astype(np.uint8) * 255
            field = np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        reduced = np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
        pictures.append(Picture(row, reduced, target, settings.weights[row.set_name], field))
    return pictures


def plain(picture: Picture, size: int) -> tuple[Image, NDArray[np.float32]]:
    """The picture as the device feeds it, and the part of each place of the map that is chest."""
    return fit(picture.image, size, size), _places(picture.field, size)


def varied(picture: Picture, settings: RadiographSettings, rng: Generator) -> tuple[Image, NDArray[np.float32], bool]:
    """A random variant: mirrored, turned, cut, windowed, blurred, noisy, framed, marked.

    Returns:
        The picture, the part of each place of the map that is chest, and whether it was mirrored.
    """
    size, image, field = settings.size, picture.image, picture.field
    height, width = image.shape
    scale = np.exp(rng.normal(0, 0.1, 2)) * np.exp(rng.normal(0.04, 0.08))
    turn = np.radians(rng.normal(0, 5))
    mirror = -1 if rng.random() < 0.5 else 1
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag(
        [mirror * scale[0] * size / width, scale[1] * size / height]
    )
    middle = size * (0.5 + rng.normal(0, 0.04, 2))
    move = np.hstack([matrix, (middle - matrix @ (width / 2, height / 2))[:, np.newaxis]])
    border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
    softened = cv2.GaussianBlur(image, (0, 0), 0.5 * max(height, width) / size)
    changed = cv2.warpAffine(softened, move, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    if field is not None:
        field = np.asarray(cv2.warpAffine(field, move, (size, size), flags=cv2.INTER_NEAREST), np.uint8)
    return _shown(_tone(np.asarray(changed, np.uint8), rng), rng), _places(field, size), mirror < 0


def _tone(image: Image, rng: Generator) -> NDArray[np.float32]:
    tone = image.astype(np.float32) / 255
    if rng.random() < 0.3:
        local = cv2.createCLAHE(float(rng.uniform(1, 4)), (int(rng.integers(2, 9)),) * 2).apply(image)
        tone = tone + np.float32(rng.uniform(0.3, 1)) * (np.asarray(local, np.float32) / 255 - tone)
    tone = np.clip(tone, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.3)))
    low, high = rng.uniform(-0.15, 0.12), rng.uniform(0.85, 1.25)
    return np.asarray(np.clip((tone - low) / (high - low), 0, 1) * 255, np.float32)


def _shown(tone: NDArray[np.float32], rng: Generator) -> Image:
    size = tone.shape[0]
    if rng.random() < 0.35:  # a thumbnail, or a detector with larger pixels
        small = int(size * rng.uniform(0.3, 0.8))
        tone = np.asarray(
            cv2.resize(cv2.resize(tone, (small, small), interpolation=cv2.INTER_AREA), (size, size)), np.float32
        )
    if rng.random() < 0.3:
        tone = np.asarray(cv2.GaussianBlur(tone, (0, 0), float(rng.uniform(0.3, 1.2))), np.float32)
    if rng.random() < 0.5:
        tone = tone + rng.normal(0, rng.uniform(1, 9), tone.shape).astype(np.float32)
    if rng.random() < 0.25:
        edge = (rng.uniform(0, 0.1, 4) * size).astype(int)
        framed = np.full_like(tone, rng.choice([0, 255, rng.uniform(0, 255)]))
        inside = np.s_[edge[0] : size - edge[1], edge[2] : size - edge[3]]
        framed[inside] = tone[inside]
        tone = framed
    image = np.clip(tone, 0, 255).astype(np.uint8)
    if rng.random() < 0.35:
        where = int(rng.integers(0, size - 10)), int(rng.integers(8, size // 3))
        word = str(rng.choice(["L", "R", "PORTABLE", "AP", "12", "UPRIGHT", "S"]))
        height, level = float(rng.uniform(0.25, 0.7)), int(rng.integers(150, 256))
        cv2.putText(image, word, where, cv2.FONT_HERSHEY_SIMPLEX, height, level, 1, cv2.LINE_AA)
    if rng.random() < 0.4:
        _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    if rng.random() < 0.3:  # a side hidden by a collar, an arm or a mark
        x, y = (int(rng.integers(0, size)) for _ in range(2))
        wide, high = (int(rng.uniform(0.05, 0.25) * size) for _ in range(2))
        image[y : y + high, x : x + wide] = int(rng.integers(0, 256))
    return image


def _places(field: Image | None, size: int) -> NDArray[np.float32]:
    side = size // MAP_STRIDE
    if field is None:
        return np.ones((side, side), np.float32)
    return np.asarray(cv2.resize(field, (side, side), interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)


def select(rows: list[Row], split: str) -> list[Row]:
    """The still pictures of one split, never of an external set."""
    return [row for row in rows if row.split == split and not row.is_clip and not row.set_name.startswith("external")]
