"""Pictures as the router's network sees them: features and logits, for what is fitted on top of the network."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

from cad_modules.contract import CATEGORIES
from edge_app.records import Frame
from edge_app.screen import look
from models.bundle import Bundle
from tools.training.augment import randomise, shrink
from tools.training.dataset import Row, read_pictures
from tools.training.router_batches import LABELS, STORED_SIDE, load_organs, without_needless_colour
from tools.training.router_refused import KINDS, Image, Pictures, refuse

FRAMES_PER_CLIP = 8
DRAWN = 60
"""Of each kind of picture that is drawn or spoiled to be refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What the network answered."""

    features: NDArray[np.float32]
    """Shape (pictures, features)."""
    logits: NDArray[np.float64]
    """Shape (pictures, labels), not divided by the temperature."""
    labels: NDArray[np.int64]
    kinds: NDArray[np.str_]
    """``plain``, ``area`` (the picture area found on the screen), ``changed`` (randomised) or the kind drawn."""


def sample(bundle: Bundle, rows: list[Row], seed: int) -> Samples:
    """Each picture as it is, its picture area, and once randomised; and the drawn and spoiled ones to be refused.

    Args:
        bundle: The router's, with the card's temperature as it is.
        rows: Of one split.
        seed: The same gives the same pictures.
    """
    found = []
    for image, label, kind in tqdm(_pictures(rows, np.random.default_rng([seed, 5])), desc="pictures", leave=False):
        prediction = bundle.infer(image)
        found.append((prediction.features, prediction.values * bundle.card.temperature, LABELS.index(label), kind))
    features, logits, labels, kinds = zip(*found, strict=True)
    return Samples(np.stack(features), np.array(logits, np.float64), np.array(labels), np.array(kinds))


def _pictures(rows: list[Row], rng: Generator) -> Iterator[tuple[Image, str, str]]:
    pool: Pictures = {label: {} for label in LABELS}
    for row in rows:
        for image in read_pictures(row, FRAMES_PER_CLIP, colour=True):
            yield image, row.category, "plain"
            yield look(Frame(image, 0, 0, datetime.now(UTC), row.path.name)).pixels, row.category, "area"
            small = shrink(image, STORED_SIDE)
            yield randomise(small, rng, radiograph=row.category.startswith("xr_")), row.category, "changed"
            pool[row.category].setdefault(row.set_name, []).append(without_needless_colour(small))
    reject, organs = LABELS[len(CATEGORIES)], load_organs(rows)
    for _ in range(DRAWN):
        for kind in KINDS:
            image, radiograph = refuse(pool, organs, rng, kind)
            yield randomise(image, rng, radiograph=radiograph), reject, kind
