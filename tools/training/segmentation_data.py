"""Pictures and masks in memory, and an endless stream of changed copies of them, made beside the training."""

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from models.preprocessing import fit
from tools.training.bundle_writer import to_real
from tools.training.dataset import Row, read_image, read_mask
from tools.training.segmentation_augment import augmented, coverage
from tools.training.segmentation_settings import SegmentationSettings

LONGEST_SIDE: Final = 512
"""Pictures are kept at this size: twice the network's input."""

Batch: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Network inputs (n, size, size, 1), real; targets (n, size / 2, size / 2, labels), 0 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture with a mask for each label."""

    image: NDArray[np.uint8]
    """Gray (h, w)."""
    masks: NDArray[np.uint8]
    """Shape (h, w, labels), 0 outside to 255 inside."""


def read_sample(row: Row, settings: SegmentationSettings) -> Sample:
    """A row's picture and masks, the longest side at most ``LONGEST_SIDE``."""
    image = read_image(row.path)
    drawn = [inset_mask(label_mask(row, label, settings), settings.inset) for label in settings.labels]
    masks = np.stack(drawn, axis=-1)
    scale = LONGEST_SIDE / max(image.shape)
    if scale < 1:
        target = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        image = cv2.resize(image, target, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        masks = cv2.resize(masks, target, interpolation=cv2.INTER_AREA).reshape(*image.shape, -1)  # type: ignore[assignment]
    return Sample(image, masks)


def label_mask(row: Row, label: str, settings: SegmentationSettings) -> NDArray[np.bool_]:
    """Where a label of the settings is on a row's picture, shape of the picture, bool.

    Raises:
        DatasetError: The row has no mask or does not know a structure of the label.
    """
    mask = read_mask(row, *settings.drawn_from.get(label, (label,)))
    wanted = settings.only_where.get(label)
    return mask if wanted is None or row.label == wanted else np.zeros_like(mask)


def inset_mask(mask: NDArray[np.bool_], inset: float) -> NDArray[np.uint8]:
    """A mask whose outline was moved inwards by a distance in pixels: 255 inside, 0 outside, 128 on the outline."""
    if not inset:
        return mask.astype(np.uint8) * 255
    padded = np.pad(mask.astype(np.uint8), 1, mode="edge")
    # Distances are to the centre of the nearest other pixel: the outline lies half a pixel before it. On slanting
    # edges the steps make it 0.1 to 0.2 px nearer; the settings allow for that.
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(1 - padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    depth = np.where(padded > 0, inside - 0.5, 0.5 - outside)[1:-1, 1:-1]
    return (np.clip(depth - inset + 0.5, 0, 1) * 255).round().astype(np.uint8)


def plain_batch(samples: Iterable[Sample], settings: SegmentationSettings) -> Batch:
    """Samples exactly as the device would see them."""
    images, targets = [], []
    for sample in samples:
        images.append(to_real(fit(sample.image, settings.size, settings.size))[:, :, np.newaxis])
        targets.append(coverage(sample.masks, settings.size // 2).astype(np.float32) / 255)
    return np.stack(images), np.stack(targets)


class BatchStream:
    """Endless batches of changed pictures, made by one thread; use as a context manager, which ends the thread.

    Args:
        samples: To draw from, each equally often.
        settings: Size, batch and strength of the changes.
        seed: Of this stream.
        ahead: Batches kept ready.
    """

    def __init__(self, samples: list[Sample], settings: SegmentationSettings, seed: int, ahead: int = 6) -> None:
        if not samples:
            raise ValueError(f"{settings.name}: no pictures to learn from")
        self._samples, self._settings = samples, settings
        self._rng = np.random.default_rng(seed)
        self._ready: queue.Queue[Batch | Exception] = queue.Queue(ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="augment", daemon=True)

    def __enter__(self) -> "BatchStream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Batch]:
        while True:
            item = self._ready.get()
            if isinstance(item, Exception):
                raise item
            yield item

    def _work(self) -> None:
        try:
            order: list[int] = []
            while not self._stop.is_set():
                while len(order) < self._settings.batch:
                    order += self._rng.permutation(len(self._samples)).tolist()
                picked, order = order[: self._settings.batch], order[self._settings.batch :]
                self._put(self._batch(picked))
        except Exception as error:  # handed to the reader, who would wait for ever
            self._put(error)

    def _batch(self, picked: list[int]) -> Batch:
        settings = self._settings
        pairs = [
            augmented(self._samples[i].image, self._samples[i].masks, settings.size, settings.augmentation, self._rng)
            for i in picked
        ]
        images = np.stack([to_real(image)[:, :, np.newaxis] for image, _ in pairs])
        return images, np.stack([target.astype(np.float32) / 255 for _, target in pairs])

    def _put(self, item: Batch | Exception) -> None:
        while not self._stop.is_set():
            try:
                return self._ready.put(item, timeout=0.2)
            except queue.Full:
                continue
