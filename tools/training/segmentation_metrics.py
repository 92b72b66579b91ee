"""How good a segmentation is: overlap, and means with intervals that respect patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RESAMPLINGS: Final = 2000


def dice(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Overlap of two masks, 0 to 1: twice the common area over the sum of both; 1 if both are empty."""
    total = int(predicted.sum()) + int(true.sum())
    return 2 * int((predicted & true).sum()) / total if total else 1.0


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over pictures with its 95 % interval."""

    value: float
    low: float
    high: float
    pictures: int
    groups: int


def grouped_mean(values: Sequence[float], groups: Sequence[str], seed: int = 0) -> Mean:
    """The mean of values, with the 95 % bootstrap interval from drawing whole groups (patients) with replacement.

    Args:
        values: One per picture.
        groups: The patient of each picture.
        seed: Of the drawing.

    Raises:
        ValueError: There are no values, or not one group each.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, sections 8 and 13.3.
    """
    if not values or len(values) != len(groups):
        raise ValueError(f"{len(values)} values for {len(groups)} groups")
    names, member = np.unique(np.array(groups), return_inverse=True)
    sums = np.bincount(member, weights=np.array(values, float))
    counts = np.bincount(member)
    drawn = np.random.default_rng(seed).integers(0, len(names), (RESAMPLINGS, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Mean(float(np.mean(values)), float(low), float(high), len(values), len(names))
