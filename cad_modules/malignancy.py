"""From what a network and the outline say of a lesion to a calibrated probability that it is malignant."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import Finding
from cad_modules.geometry import Points
from models.bundle import Prediction

FEATURE: Final = "malignancy_probability"
LARGEST_LOGIT: Final = 10.0
"""Per pixel: beyond it, int8 logits only say that the network is sure."""
NORMAL_QUANTILE: Final = 1.96
"""95 % of a normal distribution lie within as many standard deviations."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression, fitted on pictures that the network did not learn from."""

    names: tuple[str, ...]
    """Of the features."""
    weights: tuple[float, ...]
    """One for each feature, and the constant."""
    covariance: tuple[tuple[float, ...], ...]
    """Of the weights: how far another sample of as many patients would move them."""

    def __post_init__(self) -> None:
        if not len(self.names) + 1 == len(self.weights) == len(self.covariance):
            raise ValueError(f"{len(self.names)} features, {len(self.weights)} weights, {len(self.covariance)} rows")

    def probability(self, features: Sequence[float]) -> Finding:
        """The probability, with the 95 % interval that comes from the weights' uncertainty alone.

        The interval tells how well the probability of lesions like this one is known, not how sure the diagnosis is.

        Args:
            features: One number for each name.

        Source: Platt, in "Advances in Large Margin Classifiers", 1999 (with one feature); delta method for the
        interval, Hosmer and Lemeshow, "Applied Logistic Regression", 2000, section 1.4.
        """
        point = np.array((*features, 1.0))
        middle = float(point @ np.array(self.weights))
        half = NORMAL_QUANTILE * math.sqrt(max(float(point @ np.array(self.covariance) @ point), 0.0))
        return Finding(FEATURE, sigmoid(middle), "1", (sigmoid(middle - half), sigmoid(middle + half)))


def malignant_logit(prediction: Prediction, outline: Points, height: int, width: int) -> float:
    """The mean logit of a network's ``malignant`` map over the pixels inside an outline.

    Args:
        prediction: With a channel ``malignant``.
        outline: In pixels of the picture.
        height: Of the picture.
        width: Of the picture.
    """
    probability = prediction.channel("malignant")
    rows, columns = probability.shape
    mask = inside(outline, rows, columns, height, width)
    bound = sigmoid(LARGEST_LOGIT)
    kept = np.clip(probability[mask].astype(np.float64), 1 - bound, bound)
    return float(np.mean(np.log(kept / (1 - kept))))


def inside(outline: Points, rows: int, columns: int, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of a (rows, columns) map inside or on an outline, given in pixels of the picture; never none."""
    scale = np.array((columns / width, rows / height))
    corners = ((outline + 0.5) * scale - 0.5).round().astype(np.int32)
    corners = np.clip(corners, 0, (columns - 1, rows - 1))
    return cv2.fillPoly(np.zeros((rows, columns), np.uint8), [corners], 1) > 0


def sigmoid(logit: float) -> float:
    """The probability of a logit."""
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, logit))))
