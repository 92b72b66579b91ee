"""What a decision's confidence is worth: reliability, risk against coverage, and how well the unknown is told apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> list[dict[str, float]]:
    """Mean confidence, accuracy and share of the pictures in equally wide bins, without empty ones.

    Source: Niculescu-Mizil and Caruana, "Predicting good probabilities with supervised learning", ICML 2005.
    """
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "confidence": round(float(confidence[which == number].mean()), 4),
            "accuracy": round(float(right[which == number].mean()), 4),
            "share": round(float((which == number).mean()), 4),
        }
        for number in np.unique(which)
    ]


def risk_coverage(score: NDArray[np.float64], right: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Share of pictures accepted, and of these share that is wrong, for every threshold on a score of strangeness.

    Pictures that have the same score are accepted together.

    Source: Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017.
    """
    order = np.argsort(score, kind="stable")
    ascending = score[order]
    wrong = np.cumsum(~right[order])
    last = np.append(ascending[1:] > ascending[:-1], True)
    accepted = np.arange(1, len(score) + 1)[last]
    return [
        (float(count / len(score)), float(errors / count)) for count, errors in zip(accepted, wrong[last], strict=True)
    ]


def area_under(curve: list[tuple[float, float]]) -> float:
    """Mean risk over coverage (AURC), each step as wide as what it adds to the coverage."""
    coverage, risk = (np.array(part) for part in zip(*curve, strict=True))
    return float((np.diff(coverage, prepend=0.0) * risk).sum())


def auroc(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> float:
    """The probability that a picture of the unknown has the higher score; equal scores count half."""
    ascending = np.sort(known)
    below = np.searchsorted(ascending, unknown, side="left") + np.searchsorted(ascending, unknown, side="right")
    return float(below.mean() / (2 * len(known)))


def thinned(curve: list[tuple[float, float]], most: int = 120) -> list[tuple[float, float]]:
    """At most so many points of a curve, evenly spread, first and last among them, rounded for print."""
    picked: NDArray[Any] = np.unique(np.linspace(0, len(curve) - 1, most).round().astype(int))
    return [(round(curve[index][0], 4), round(curve[index][1], 5)) for index in picked]
