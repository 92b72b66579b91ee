"""Calibrated probabilities: the temperature that makes them so, and how far they are from it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


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


def fit_sigmoid(
    scores: NDArray[np.floating[Any]], truth: NDArray[np.bool_], balanced: bool = False
) -> tuple[float, float]:
    """Slope and offset of the sigmoid 1 / (1 + exp(-(slope score + offset))) with the least mean -ln of the truth.

    Args:
        scores: Shape (pictures,).
        truth: Same shape; both values have to be there.
        balanced: Whether true and false weigh the same in sum.

    Source: J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999; Newton's method as in Lin, Lin, Weng,
    "A note on Platt's probabilistic outputs", Machine Learning 68:267-276, 2007, with a little weight decay in place of
    their softened targets.
    """
    middle, spread = float(np.mean(scores)), float(np.std(scores)) or 1.0
    x = np.stack([(scores - middle) / spread, np.ones(len(scores))], axis=1).astype(np.float64)
    y = truth.astype(np.float64)
    weights = np.where(truth, 0.5 / y.sum(), 0.5 / (1 - y).sum()) if balanced else np.full(len(y), 1 / len(y))
    decay = 1e-6

    def cost(parameters: NDArray[np.float64]) -> float:
        z = x @ parameters
        return float((weights * (np.logaddexp(0, z) - y * z)).sum() + decay / 2 * parameters @ parameters)

    parameters = np.zeros(2)
    for _ in range(100):
        probability = 1 / (1 + np.exp(-np.clip(x @ parameters, -500, 500)))
        gradient = x.T @ (weights * (probability - y)) + decay * parameters
        if np.abs(gradient).max() < 1e-10:
            break
        curvature = (x * (weights * probability * (1 - probability))[:, None]).T @ x + decay * np.eye(2)
        step, share = np.linalg.solve(curvature, gradient), 1.0
        while cost(parameters - share * step) > cost(parameters) and share > 1e-6:
            share /= 2
        parameters = parameters - share * step
    slope = float(parameters[0]) / spread
    return slope, float(parameters[1]) - slope * middle


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
