"""Measure the lesion as it lies in the picture."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.breast_anatomy import find_lesions
from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay
from cad_modules.geometry import area, simplified

CONFORMAL_QUANTILE: Final = 1.29
"""The logarithm of the area is off from the expert's by less than this times ``hesitation`` in 90 of 100 lesions (BUSI,
val split, 73 lesions, bundle 1.0.0)."""
SURE: Final = 0.8
UNSURE: Final = 0.2
"""Probabilities between which the network hesitates."""
LEAST_HESITATION: Final = 0.2
"""Also where the network is sure, two experts' outlines differ."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Measure the largest lesion and outline all.

    Args:
        image: Gray, shape (height, width), uint8; the skin at the top.
        context: Category and spacing; without ``mm_per_pixel`` lengths are in pixels.

    Returns:
        ``lesion_area`` (mm2) with the interval that holds the expert's area in 90 of 100 pictures like those it was
        calibrated on, wider where the network hesitates; ``lesion_width``
        (mm), parallel to the skin, and ``lesion_height`` (mm), along the beam; ``lesion_aspect``, height over width:
        above 1 the lesion is taller than wide.

    Raises:
        UnsuitableImage: See ``breast_anatomy.find_lesions``.

    Source: Stavros et al., Radiology 1995;196:123-134 (taller than wide); ACR BI-RADS Atlas, 5th edition, 2013
    (orientation). Interval: locally weighted split conformal prediction, Lei et al., J Am Stat Assoc
    2018;113:1094-1111, section 5.2.
    """
    lesions = find_lesions(image, context)
    width, height = (lesions.main.max(axis=0) - lesions.main.min(axis=0)).tolist()
    size = area(lesions.main)
    factor = math.exp(CONFORMAL_QUANTILE * hesitation(lesions.prediction.channel("lesion")))
    findings = (
        context.area("lesion_area", size, (size / factor, size * factor)),
        context.length("lesion_width", width),
        context.length("lesion_height", height),
        Finding("lesion_aspect", height / width, "1"),
    )
    overlays = tuple(Overlay("polygon", "lesion", simplified(one)) for one in (lesions.main, *lesions.further))
    return Findings(findings, overlays)


def hesitation(probability: NDArray[np.float32]) -> float:
    """How far the area depends on the threshold: the logarithm of the areas above a low and a high one, and a least."""
    unsure = int(np.count_nonzero(probability >= UNSURE))
    sure = int(np.count_nonzero(probability >= SURE))
    return math.log(max(unsure, 1) / max(sure, 1)) + LEAST_HESITATION
