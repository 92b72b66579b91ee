"""Grade osteoarthritis of the knee."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import AnalysisContext, Finding, Findings, Image, UnsuitableImage
from cad_modules.knee_joint import trace, what_speaks_against
from cad_modules.radiograph import polarity_doubt, usual_polarity

BUNDLE: Final = "knee_osteoarthritis"
SMALLEST_PICTURE: Final = 96
"""Pixels of the shorter side; the pictures that the network learned from have 224."""
SMALLEST_CONTRAST: Final = 6.0
"""Gray levels, standard deviation; a picture with less shows nothing."""
USUAL_ASPECT: Final = (0.75, 1.35)
"""Width over height. The network learned from square crops around one joint."""
OSTEOARTHRITIS: Final = 2
"""The grade from which a knee has osteoarthritis by definition.

Source: Kellgren and Lawrence, Ann Rheum Dis 1957;16:494-502."""
INTERVAL: Final = 0.1
"""Probability left out at either end of the grade's interval."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Grade a knee by Kellgren and Lawrence.

    Args:
        image: Gray, shape (height, width), uint8; a frontal radiograph of one knee, cut to the joint.
        context: Gives the logit to reach each grade.

    Returns:
        ``kl_grade`` (0 none to 4 severe), the expected grade rounded, with an interval that leaves out a tenth at
        either end; ``kl_grade_expected``, the same between the grades; ``oa_probability``, of grade 2 or more.

    Raises:
        UnsuitableImage: The picture is too small or shows nothing.
    """
    if min(image.shape) < SMALLEST_PICTURE:
        raise UnsuitableImage("the picture is too small to grade a knee")
    if float(image.std()) < SMALLEST_CONTRAST:
        raise UnsuitableImage("the picture shows no bone")
    reached = reach_probabilities(context.infer(BUNDLE).values)
    expected = float(reached.sum())
    low, high = (float((reached > 1 - INTERVAL).sum()), float((reached > INTERVAL).sum()))
    grade = float(np.clip(round(expected), low, high))
    aspect = image.shape[1] / image.shape[0]
    against = what_speaks_against(trace(usual_polarity(image, context.category)))
    doubts = (
        polarity_doubt(image, context.category),
        "" if USUAL_ASPECT[0] <= aspect <= USUAL_ASPECT[1] else "the picture is not cut to one knee joint",
        f"{against}: this may be no frontal knee" if against else "",
    )
    return Findings(
        findings=(
            Finding("kl_grade", grade, "1", (low, high)),
            Finding("kl_grade_expected", expected, "1"),
            Finding("oa_probability", float(reached[OSTEOARTHRITIS - 1]), "1"),
        ),
        doubt="; ".join(filter(None, doubts)),
    )


def reach_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """The probability to reach each grade from 1 on; none is above that of the grade below it.

    Source: Cao, Mirjalili and Raschka, Pattern Recognition Letters 2020;140:325-331 (CORAL).
    """
    return np.minimum.accumulate(1 / (1 + np.exp(-logits.astype(np.float64))))
