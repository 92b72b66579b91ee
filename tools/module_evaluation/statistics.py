"""Errors of a measurement with their uncertainty over patients."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 2000
SEED: Final = 7


def mean_interval(values: Sequence[float], groups: Sequence[str]) -> tuple[float, float]:
    """The 95 % interval of a mean: whole groups (patients) are drawn again with replacement.

    Source: percentile bootstrap, Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    names, index = np.unique(np.array(groups), return_inverse=True)
    sums, counts = np.bincount(index, np.array(values, np.float64)), np.bincount(index)
    random = np.random.default_rng(SEED)
    weights = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    low, high = np.percentile((weights @ sums) / (weights @ counts), (2.5, 97.5))
    return float(low), float(high)


def grouped_interval(
    rows: NDArray[np.float64], groups: Sequence[str], statistic: Callable[[NDArray[np.float64]], float]
) -> list[float]:
    """The 95 % interval of any statistic of rows: whole groups (patients) are drawn again with replacement.

    Args:
        rows: One per picture.
        groups: The patient of each.
        statistic: Of drawn rows; draws for which it is NaN are left out.
    """
    names, index = np.unique(np.array(groups), return_inverse=True)
    members = [np.flatnonzero(index == number) for number in range(len(names))]
    random = np.random.default_rng(SEED)
    found = [
        statistic(rows[np.concatenate([members[group] for group in random.integers(0, len(names), len(names))])])
        for _ in range(RESAMPLES)
    ]
    return [_rounded(bound) for bound in np.nanpercentile(found, (2.5, 97.5))]


def score(values: Sequence[float], groups: Sequence[str]) -> dict[str, Any]:
    """Mean with its interval, and the worst value, of something that should be high."""
    if not values:
        return {"pictures": 0}
    return {
        "pictures": len(values),
        "mean": _rounded(np.mean(values)),
        "interval": [_rounded(bound) for bound in mean_interval(values, groups)],
        "worst": _rounded(min(values)),
    }


def agreement(found: Sequence[float], true: Sequence[float], groups: Sequence[str]) -> dict[str, Any]:
    """Mean absolute error with its interval, bias, limits of agreement and the largest error.

    Source: limits of agreement, Bland and Altman, Lancet 1986;327:307-310.
    """
    if not found:
        return {"pictures": 0}
    errors: NDArray[np.float64] = np.array(found, np.float64) - np.array(true, np.float64)
    bias, spread = float(errors.mean()), float(errors.std(ddof=1)) if len(errors) > 1 else 0.0
    return {
        "pictures": len(errors),
        "mean_absolute_error": _rounded(np.abs(errors).mean()),
        "interval": [_rounded(bound) for bound in mean_interval(np.abs(errors).tolist(), groups)],
        "bias": _rounded(bias),
        "limits_of_agreement": [_rounded(bias - 1.96 * spread), _rounded(bias + 1.96 * spread)],
        "largest": _rounded(np.abs(errors).max()),
    }


def area_under_curve(higher: Sequence[float], lower: Sequence[float]) -> float:
    """Probability that a value of the first kind is above one of the second; ties count half."""
    first, second = np.array(higher)[:, np.newaxis], np.array(lower)
    return _rounded(np.mean(first > second) + np.mean(first == second) / 2)


def _rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)
