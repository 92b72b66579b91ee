"""What the router learns to refuse beside the refused sets: drawn, or made from the training pictures themselves."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cad_modules.contract import RADIOGRAPH, ULTRASOUND
from tools.training import tissue
from tools.training.nothing import draw_nothing, idle_sector
from tools.training.other_pictures import draw_other
from tools.training.screens import cut_sector
from tools.training.spoil import blend, empty_middle, scramble, warp
from tools.training.unknown_organs import draw_organ

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Pictures = dict[str, dict[str, list[Image]]]
"""Category -> set -> pictures, gray or BGR."""
Organs = Mapping[str, list[tuple[Image, Mask]]]
"""Category -> gray pictures, and where on each the organ or finding is."""

REMOVABLE: Final = ("us_fetal_head", "us_cardiac", "us_liver", "us_nerve")
"""Categories whose pictures no longer belong to them when the masked structures are painted over."""
SURROUNDED: Final = ("us_fetal_head", "us_liver")
"""Categories whose pictures show enough that lies beside the organ."""
ENLARGED: Final = ("us_lung", "us_fetal_head", "us_cardiac", "us_liver")
"""Categories that a twentieth of a picture no longer shows. (A piece of a breast is breast still.)"""
SMALLEST_REMOVED: Final = 0.04
"""Share of the picture: with less painted over, the rest may still show the category."""
NO_ORGANS: Final[Organs] = MappingProxyType({})


def refuse(pictures: Pictures, organs: Organs, rng: Generator, kind: str | None = None) -> tuple[Image, bool]:
    """A picture to be refused, and whether radiography's changes suit it.

    Args:
        pictures: Of one split.
        organs: Of the same; kinds that need them are left out where there are none.
        rng: Gives every choice.
        kind: One of ``KINDS``; None draws one by its weight.
    """
    if kind is None:
        names = [name for name in KINDS if _possible(name, pictures, organs)]
        weights = np.array([KINDS[name][0] for name in names])
        kind = str(rng.choice(names, p=weights / weights.sum()))
    return KINDS[kind][1](pictures, organs, rng)


def kinds_weight() -> float:
    """How often what is made is drawn against one refused set."""
    return sum(weight for weight, _ in KINDS.values())


def draw_picture(pictures: Pictures, categories: tuple[str, ...], rng: Generator) -> Image:
    """Any picture of these categories, each category and set as often."""
    category = str(rng.choice([one for one in categories if pictures.get(one)]))
    images = pictures[category][str(rng.choice(sorted(pictures[category])))]
    return images[int(rng.integers(len(images)))]


def as_gray(image: Image) -> Image:
    """One channel."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _possible(kind: str, pictures: Pictures, organs: Organs) -> bool:
    needs = {"painted": REMOVABLE, "beside": SURROUNDED}
    if kind in needs:
        return any(organs.get(category) for category in needs[kind])
    return kind != "enlarged" or any(pictures.get(category) for category in ENLARGED)


def _spoiled(how: str, pictures: Pictures, rng: Generator) -> tuple[Image, bool]:
    radiograph = bool(rng.random() < 0.35)
    known = [one for one in (RADIOGRAPH if radiograph else ULTRASOUND) if pictures.get(one)]
    pair = [str(one) for one in rng.permutation(np.resize(known, max(2, len(known))))[:2]]
    first, second = (draw_picture(pictures, (one,), rng) for one in pair)
    if how == "emptied":
        return empty_middle(first, rng), radiograph
    if how == "blended":
        return blend(first, second, rng), radiograph
    return (scramble(first, rng) if how == "scrambled" else warp(first, rng)), radiograph


def _tissue(pictures: Pictures, rng: Generator) -> Image:
    return tissue.patch(as_gray(draw_picture(pictures, ULTRASOUND, rng)), rng)


def _collage(pictures: Pictures, rng: Generator) -> Image:
    count = int(rng.integers(2, 6))
    return tissue.collage([as_gray(draw_picture(pictures, ULTRASOUND, rng)) for _ in range(count)], rng)


def _organ(pictures: Pictures, rng: Generator) -> Image:
    ground = grain = None
    if rng.random() < 0.35:
        ground = _collage(pictures, rng) if rng.random() < 0.7 else _tissue(pictures, rng)
    if rng.random() < 0.6:
        grain = _tissue(pictures, rng)
    image = draw_organ(rng, ground, grain)
    if rng.random() < 0.4:
        image = warp(image, rng, 0.03)
    return cut_sector(image, rng) if rng.random() < 0.35 else image


def _painted(organs: Organs, pictures: Pictures, rng: Generator) -> Image:
    category = str(rng.choice([one for one in REMOVABLE if organs.get(one)]))
    several = organs[category]
    image, organ = several[int(rng.integers(len(several)))]
    if organ.mean() < SMALLEST_REMOVED:
        return warp(image, rng)
    return tissue.paint_over(image, organ, _collage(pictures, rng), rng)


def _beside(organs: Organs, rng: Generator) -> Image:
    category = str(rng.choice([one for one in SURROUNDED if organs.get(one)]))
    several = organs[category]
    image, organ = several[int(rng.integers(len(several)))]
    found = tissue.beside(image, organ, rng)
    return scramble(image, rng) if found is None else found


def _enlarged(pictures: Pictures, rng: Generator) -> Image:
    return tissue.patch(as_gray(draw_picture(pictures, ENLARGED, rng)), rng, 0.02, 0.05)


KINDS: Final[dict[str, tuple[float, Callable[[Pictures, Organs, Generator], tuple[Image, bool]]]]] = {
    "drawn": (1.5, lambda pictures, organs, rng: (draw_nothing(rng), bool(rng.random() < 0.5))),
    "idle": (1.0, lambda pictures, organs, rng: (idle_sector(rng), False)),
    "scrambled": (1.0, lambda pictures, organs, rng: _spoiled("scrambled", pictures, rng)),
    "warped": (1.5, lambda pictures, organs, rng: _spoiled("warped", pictures, rng)),
    "blended": (1.5, lambda pictures, organs, rng: _spoiled("blended", pictures, rng)),
    "emptied": (2.0, lambda pictures, organs, rng: _spoiled("emptied", pictures, rng)),
    "other": (2.0, lambda pictures, organs, rng: (draw_other(rng), bool(rng.random() < 0.5))),
    "organ": (5.0, lambda pictures, organs, rng: (_organ(pictures, rng), False)),
    "collage": (2.5, lambda pictures, organs, rng: (_collage(pictures, rng), False)),
    "painted": (2.5, lambda pictures, organs, rng: (_painted(organs, pictures, rng), False)),
    "beside": (1.0, lambda pictures, organs, rng: (_beside(organs, rng), False)),
    "scattered": (
        0.7,
        lambda pictures, organs, rng: (
            tissue.scatter_phases(as_gray(draw_picture(pictures, ULTRASOUND, rng)), rng),
            False,
        ),
    ),
    "enlarged": (1.0, lambda pictures, organs, rng: (_enlarged(pictures, rng), False)),
}
"""Kind -> how often it is drawn against one refused set, and what draws it."""
