"""Choose the router's temperature and thresholds on the validation split."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

KNOWN_REFUSED: Final = 0.01
"""Share of known pictures that the reject threshold may refuse."""
ACCEPTED_WRONG: Final = 0.005
"""Share of accepted pictures of a category that may be of another one."""
REJECT_RANGE: Final = (0.2, 0.6)
"""Limits of the reject threshold: clean validation pictures alone would ask for one that no new hospital passes."""
ACCEPT_LEVELS: Final = np.round(np.arange(0.70, 0.996, 0.01), 2)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities along the last axis."""
    exponentials: NDArray[np.float64] = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature with the least mean -ln a_y, by golden-section search between 0.2 and 5.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """

    def cost(log_temperature: float) -> float:
        probabilities = softmax(logits / np.exp(log_temperature))
        return float(-np.log(probabilities[np.arange(len(labels)), labels] + 1e-12).mean())

    low, high, ratio = np.log(0.2), np.log(5.0), (np.sqrt(5) - 1) / 2
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if cost(left) < cost(right):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 4)


def choose_thresholds(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float]:
    """The reject threshold (on p(reject)) and the accept threshold (on the best category's renormalised probability).

    Args:
        logits: Divided by the temperature, shape (pictures, labels), the last label is "reject".
        labels: Shape (pictures,).
    """
    probabilities = softmax(logits)
    known = labels < logits.shape[1] - 1
    out_of_distribution = probabilities[:, -1]
    wanted = float(np.quantile(out_of_distribution[known], 1 - KNOWN_REFUSED))
    reject_threshold = round(float(np.clip(wanted, *REJECT_RANGE)), 3)

    passed = known & (out_of_distribution <= reject_threshold)
    renormalised = softmax(logits[passed, :-1])
    best, wrong = renormalised.max(axis=1), renormalised.argmax(axis=1) != labels[passed]
    for level in ACCEPT_LEVELS:
        accepted = best >= level
        if accepted.any() and wrong[accepted].mean() <= ACCEPTED_WRONG:
            return reject_threshold, float(level)
    return reject_threshold, float(ACCEPT_LEVELS[-1])


def expected_calibration_error(logits: NDArray[np.float64], labels: NDArray[np.int64], bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over equally wide bins. Source: Guo et al., 2017, equation 3."""
    probabilities = softmax(logits)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[which == number].mean() - right[which == number].mean()) * (which == number).mean()
        for number in np.unique(which)
    ]
    return float(sum(gaps))
