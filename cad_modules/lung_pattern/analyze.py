"""Tell a healthy from an ill lung by its picture."""

import math
from typing import Final

from cad_modules.contract import AnalysisContext, Finding, Findings, Image
from cad_modules.sonogram import refuse_unusable

BUNDLE: Final = "lung_pattern"


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Give the probability that the picture comes from a patient with pneumonia.

    Args:
        image: Gray, shape (height, width), uint8; lung ultrasound.
        context: Runs the bundle ``lung_pattern``.

    Returns:
        ``pathology_probability`` (0 to 1) at equal numbers of healthy and ill patients.

    Raises:
        UnsuitableImage: The picture is blank, tiny, in colour or shows two views.

    Source: after Born et al., Appl Sci 2021;11:672 (POCUS): frames of healthy and ill patients told apart by a network
    that was pretrained on photographs; here with its last layer fitted alone.
    """
    refuse_unusable(image, context)
    logit = float(context.infer(BUNDLE).values[0])
    return Findings((Finding("pathology_probability", 1 / (1 + math.exp(-max(-60.0, min(60.0, logit)))), "1"),))
