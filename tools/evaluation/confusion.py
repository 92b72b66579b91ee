"""Counts of true against predicted labels, what follows from them, and its uncertainty by resampling patients."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
"""Shape (..., labels, labels): rows are true labels, columns predicted ones."""

RESAMPLES: Final = 2000
SEED: Final = 7


def confusion(true: NDArray[np.int64], predicted: NDArray[np.int64], labels: int) -> Counts:
    """How often each label was predicted for each true one."""
    counts = np.zeros((labels, labels))
    np.add.at(counts, (true, predicted), 1)
    return counts


def recall(counts: Counts) -> NDArray[np.float64]:
    """Right answers of each true label, shape (..., labels); nan where there is no picture."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.diagonal(counts, axis1=-2, axis2=-1) / counts.sum(axis=-1))


def macro_f1(counts: Counts, categories: int) -> NDArray[np.float64]:
    """Mean F1 of the first ``categories`` labels that have pictures, shape (...)."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore"):
        f1 = 2 * hits / (counts.sum(axis=-1) + counts.sum(axis=-2))
    return np.asarray(np.nanmean(np.where(counts.sum(axis=-1) > 0, f1, np.nan)[..., :categories], axis=-1))


def interval(
    true: NDArray[np.int64],
    predicted: NDArray[np.int64],
    groups: NDArray[np.str_],
    labels: int,
    statistic: Callable[[Counts], NDArray[np.float64]],
) -> tuple[float, float]:
    """The 95 % interval of a statistic over patients: whole groups are drawn again with replacement.

    Source: percentile bootstrap, Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    names, index = np.unique(groups, return_inverse=True)
    per_group = np.zeros((len(names), labels, labels))
    np.add.at(per_group, (index, true, predicted), 1)
    rng = np.random.default_rng(SEED)
    weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    resampled = (weights @ per_group.reshape(len(names), -1)).reshape(RESAMPLES, labels, labels)
    low, high = np.nanpercentile(statistic(resampled), (2.5, 97.5))
    return float(low), float(high)
