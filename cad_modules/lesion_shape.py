"""Shape of a lesion's outline by numbers that do not depend on its size."""

import math
from typing import Final

import cv2
import numpy as np

from cad_modules.geometry import Ellipse, Points, area, perimeter, resampled

OUTLINE_POINTS: Final = 128
"""Every outline is first brought to as many points, so that a large one does not seem rougher than a small one."""


def circularity(outline: Points) -> float:
    """4 pi area / perimeter^2: 1 for a circle, less for long, lobed or ragged outlines."""
    even = resampled(outline, OUTLINE_POINTS)
    return min(1.0, 4 * math.pi * area(even) / max(perimeter(even), 1e-9) ** 2)


def margin_irregularity(outline: Points) -> float:
    """The outline's length over that of the ellipse of the same area and second moments, less 1; 0 for an ellipse."""
    even = resampled(outline, OUTLINE_POINTS)
    return max(0.0, perimeter(even) / max(equivalent_ellipse(even).perimeter, 1e-9) - 1)


def equivalent_ellipse(outline: Points) -> Ellipse:
    """The ellipse that has the outline's centre, the directions and ratio of its second moments, and its area."""
    middle = outline.mean(axis=0)
    moments = cv2.moments((outline - middle).astype(np.float32).reshape(-1, 1, 2))
    size = max(abs(moments["m00"]), 1e-9)
    covariance = np.array(((moments["mu20"], moments["mu11"]), (moments["mu11"], moments["mu02"]))) / size
    variances, directions = np.linalg.eigh(np.abs(np.sign(size)) * covariance)
    ratio = math.sqrt(max(variances[1], 1e-12) / max(variances[0], 1e-12))
    mean_radius = math.sqrt(size / math.pi)
    along = directions[:, 1]
    return Ellipse(
        x=float(middle[0] + moments["m10"] / size),
        y=float(middle[1] + moments["m01"] / size),
        semi_major=mean_radius * math.sqrt(ratio),
        semi_minor=mean_radius / math.sqrt(ratio),
        angle=math.atan2(along[1], along[0]) % math.pi,
    )
