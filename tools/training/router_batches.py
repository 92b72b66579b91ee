"""Balanced, randomised training batches for the router, made in processes of their own."""

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES, ULTRASOUND
from models.preprocessing import fit, to_colour
from tools.training.augment import randomise, shrink
from tools.training.dataset import REJECT, Row, read_mask, read_pictures, read_rows
from tools.training.dataset_choice import EVERYTHING, Choice
from tools.training.router_refused import (
    NO_ORGANS,
    Image,
    Mask,
    Organs,
    Pictures,
    as_gray,
    draw_picture,
    kinds_weight,
    refuse,
)
from tools.training.vendor import change_vendor, crop_around

LABELS: Final = (*CATEGORIES, REJECT)
STORED_SIDE: Final = 384
"""Pictures are kept in memory with at most this many pixels along their longer side."""
FRAMES_PER_CLIP: Final = 12
REJECT_WEIGHT: Final = 5.0
"""What must be refused is drawn this often for each picture of one category: it is more varied than any of them."""
CUT_TO_FINDING: Final = ("us_breast",)
"""Categories of which collections exist that are cut to the finding."""

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load_pictures(rows: Iterable[Row], frames_per_clip: int = FRAMES_PER_CLIP) -> Pictures:
    """All pictures by category and set, gray where they have no colour."""
    pictures: Pictures = {label: {} for label in LABELS}
    for row in rows:
        images = [
            without_needless_colour(shrink(image, STORED_SIDE)) for image in read_pictures(row, frames_per_clip, True)
        ]
        pictures[row.category].setdefault(row.set_name, []).extend(images)
    return pictures


def without_needless_colour(image: Image) -> Image:
    """Gray if the BGR picture's channels are alike."""
    if np.ptp(image.astype(np.int16), axis=2).mean() > 2:
        return image
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]


def to_network(image: Image, side: int) -> Image:
    """What the device feeds the network, before quantisation: RGB, shape (side, side, 3), uint8."""
    return to_colour(fit(image, side, side), "rgb")


def load_organs(rows: Iterable[Row]) -> dict[str, list[tuple[Image, Mask]]]:
    """The gray ultrasound pictures with a mask, by category, and where anything but the sector around an organ is."""
    organs: dict[str, list[tuple[Image, Mask]]] = {}
    for row in rows:
        if row.mask_path is None or row.category not in ULTRASOUND:
            continue
        image = shrink(read_pictures(row, 1)[0], STORED_SIDE)
        structures = [name for name in row.extra["mask_values"] if "outside" not in name and name != "sector"]
        mask = read_mask(row, *structures).astype(np.uint8)
        mask = np.asarray(cv2.resize(mask, image.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT))
        organs.setdefault(row.category, []).append((image, mask > 0))
    return organs


def draw_sample(pictures: Pictures, rng: Generator, side: int, organs: Organs = NO_ORGANS) -> tuple[Image, int]:
    """One randomised picture, RGB (side, side, 3), and the index of its label.

    Labels are drawn by weight, a label's sets equally often, a set's pictures equally often; labels without pictures
    never. Refused pictures are those of the refused sets, and those of ``router_refused``.
    """
    weights = np.array([REJECT_WEIGHT if label == REJECT else float(bool(pictures[label])) for label in LABELS])
    index = int(rng.choice(len(LABELS), p=weights / weights.sum()))
    label = LABELS[index]
    sets = sorted(pictures[label])
    radiograph = label.startswith("xr_")
    if label == REJECT and rng.random() * (len(sets) + kinds_weight()) >= len(sets):
        image, radiograph = refuse(pictures, organs, rng)
    else:
        image = draw_picture(pictures, (label,), rng)
        if label == REJECT:
            radiograph = rng.random() < 0.5
        elif label in ULTRASOUND:
            image = _appearance(image, label, pictures, organs, rng)
    return to_network(randomise(image, rng, radiograph=radiograph), side), index


def _appearance(image: Image, label: str, pictures: Pictures, organs: Organs, rng: Generator) -> Image:
    """An ultrasound picture of a category as another vendor or collection would show it, half of the time."""
    if organs.get(label) and label in CUT_TO_FINDING and rng.random() < 0.3:
        several = organs[label]
        image = crop_around(*several[int(rng.integers(len(several)))], rng)
    if rng.random() < 0.6:
        image = as_gray(image)  # a set's tint must not tell its category
    if image.ndim == 2 and rng.random() < 0.5:
        image = change_vendor(image, as_gray(draw_picture(pictures, ULTRASOUND, rng)), rng)
    return image


def make_batch(pictures: Pictures, seed: int, number: int, size: int, side: int, organs: Organs = NO_ORGANS) -> Batch:
    """Batch ``number`` of a run: depends on the seed and the number alone, not on what was made before."""
    rng = np.random.default_rng([seed, number])
    samples = [draw_sample(pictures, rng, side, organs) for _ in range(size)]
    return np.stack([image for image, _ in samples]), np.array([label for _, label in samples])


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What the processes have to know."""

    root: Path
    seed: int
    size: int
    """Pictures in a batch."""
    side: int
    """Rows and columns of the network's input."""
    choice: Choice = EVERYTHING
    """Which rows are trained on."""


_in_worker: tuple[Pictures, Organs, BatchPlan] | None = None


def _start_worker(plan: BatchPlan, parent: int) -> None:
    global _in_worker
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    cv2.setNumThreads(1)
    rows = [row for row in plan.choice.of(read_rows(plan.root)) if row.split == "train"]
    _in_worker = load_pictures(rows), load_organs(rows), plan


def _end_with(parent: int) -> None:
    """Leave no orphan when the training process is killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _work(number: int) -> Batch:
    assert _in_worker is not None
    pictures, organs, plan = _in_worker
    return make_batch(pictures, plan.seed, number, plan.size, plan.side, organs)


def batches(plan: BatchPlan, start: int, processes: int = 1, ahead: int = 12) -> Iterator[Batch]:
    """Batches ``start``, ``start + 1`` ... without end, made ahead by other processes; close it to end them.

    Raises:
        BrokenProcessPool: A process ended, or could not read the data; it has written why.
    """
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _start_worker, (plan, os.getpid()))
    try:
        pending = deque(pool.submit(_work, start + number) for number in range(ahead))
        for number in count(start + ahead):
            batch = pending.popleft().result()
            pending.append(pool.submit(_work, number))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)
