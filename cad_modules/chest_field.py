"""Where the chest is in a frontal radiograph: both lungs with all that lies between and behind them."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.bundle import Prediction

MARGIN: Final = 0.03
"""Of the map's side; a lung that is white at its border is cut short by the network."""
SMALLEST: Final = 0.02
"""Of the map; a smaller region is no lung."""


def chest_field(prediction: Prediction) -> NDArray[np.bool_]:
    """The convex hull of both lung fields with a margin, on the network's own map.

    The hull takes in what hides a lung: consolidation and fluid are not lung field to the network.

    Args:
        prediction: Of the bundle ``chest_segmentation``.

    Returns:
        Shape (rows, columns), bool; all True if no lung is found.
    """
    lungs = np.maximum(prediction.channel("lung_right"), prediction.channel("lung_left")) > 0.5
    rows, columns = lungs.shape
    contours, _ = cv2.findContours(lungs.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    large = [contour for contour in contours if cv2.contourArea(contour) >= SMALLEST * rows * columns]
    if not large:
        return np.ones((rows, columns), np.bool_)
    hull = np.zeros((rows, columns), np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.concatenate(large)), 1)
    reach = 2 * round(MARGIN * max(rows, columns)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return np.asarray(cv2.dilate(hull, kernel), np.bool_)


def field_places(prediction: Prediction, rows: int, columns: int) -> NDArray[np.float64]:
    """The part of each place of a coarser map that is chest, 0 to 1, shape (rows, columns)."""
    field = chest_field(prediction).astype(np.float32)
    return np.asarray(cv2.resize(field, (columns, rows), interpolation=cv2.INTER_AREA), np.float64)
