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

from cad_modules.contract import CATEGORIES, RADIOGRAPH, ULTRASOUND
from models.preprocessing import fit, to_colour
from tools.training.augment import randomise, shrink
from tools.training.dataset import REJECT, Row, read_pictures, read_rows
from tools.training.nothing import draw_nothing, idle_sector
from tools.training.spoil import blend, scramble, warp

LABELS: Final = (*CATEGORIES, REJECT)
STORED_SIDE: Final = 384
"""Pictures are kept in memory with at most this many pixels along their longer side."""
FRAMES_PER_CLIP: Final = 12
REJECT_WEIGHT: Final = 3.0
"""What must be refused is drawn this often for each picture of one category: it is more varied than any of them."""
DRAWN: Final = "drawn"
IDLE: Final = "idle"
SPOILED: Final = ("scrambled", "warped", "blended")

Image = NDArray[np.uint8]
Pictures = dict[str, dict[str, list[Image]]]
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


def draw_sample(pictures: Pictures, rng: Generator, side: int) -> tuple[Image, int]:
    """One randomised picture, RGB (side, side, 3), and the index of its label.

    Labels are drawn by weight, a label's sets equally often, a set's pictures equally often. Refused pictures have
    more sets: drawn ones, probes in air, and spoiled pictures of the categories.
    """
    weights = np.array([REJECT_WEIGHT if label == REJECT else 1.0 for label in LABELS])
    index = int(rng.choice(len(LABELS), p=weights / weights.sum()))
    label = LABELS[index]
    sets = sorted(pictures[label])
    name = str(rng.choice([*sets, DRAWN, IDLE, *SPOILED] if label == REJECT else sets))
    radiograph = label.startswith("xr_")
    if name == DRAWN:
        image = draw_nothing(rng)
        radiograph = rng.random() < 0.5
    elif name == IDLE:
        image = idle_sector(rng)
    elif name in SPOILED:
        radiograph = rng.random() < 0.35
        image = spoil(pictures, RADIOGRAPH if radiograph else ULTRASOUND, name, rng)
    else:
        image = _pick(pictures[label][name], rng)
        if label == REJECT:
            radiograph = rng.random() < 0.5
    return to_network(randomise(image, rng, radiograph=radiograph), side), index


def spoil(pictures: Pictures, categories: tuple[str, ...], how: str, rng: Generator) -> Image:
    """A picture of these categories, spoiled in the named way: what must be refused although it looks familiar."""
    first, second = (
        _pick(pictures[category][str(rng.choice(sorted(pictures[category])))], rng)
        for category in rng.choice(categories, 2, replace=False)
    )
    if how == "blended":
        return blend(first, second, rng)
    return scramble(first, rng) if how == "scrambled" else warp(first, rng)


def _pick(images: list[Image], rng: Generator) -> Image:
    return images[int(rng.integers(len(images)))]


def make_batch(pictures: Pictures, seed: int, number: int, size: int, side: int) -> Batch:
    """Batch ``number`` of a run: depends on the seed and the number alone, not on what was made before."""
    rng = np.random.default_rng([seed, number])
    samples = [draw_sample(pictures, rng, side) for _ in range(size)]
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


_in_worker: tuple[Pictures, BatchPlan] | None = None


def _start_worker(plan: BatchPlan, parent: int) -> None:
    global _in_worker
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    cv2.setNumThreads(1)
    _in_worker = load_pictures(row for row in read_rows(plan.root) if row.split == "train"), plan


def _end_with(parent: int) -> None:
    """Leave no orphan when the training process is killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _work(number: int) -> Batch:
    assert _in_worker is not None
    pictures, plan = _in_worker
    return make_batch(pictures, plan.seed, number, plan.size, plan.side)


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
