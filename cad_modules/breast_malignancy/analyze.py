"""Turn what the network sees in a lesion into a calibrated probability."""

from typing import Final

from cad_modules.breast_anatomy import Lesions, find_lesions
from cad_modules.contract import AnalysisContext, Findings, Image, Overlay
from cad_modules.geometry import simplified
from cad_modules.malignancy import Calibration, malignant_logit

CALIBRATION: Final = Calibration(
    names=("malignant_logit",),
    weights=(0.332585, 0.977301),
    covariance=((0.00631764, 0.0365866), (0.0365866, 0.309445)),
)
"""Of bundle 1.0.0 on the val split of BUSI (21 malignant, 52 benign lesions), by ``tools/fit_malignancy``. The
outline's irregularity, aspect and posterior ratio were tried beside the logit and gained nothing there."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Say how probably the largest lesion is malignant.

    Args:
        image: Gray, shape (height, width), uint8; the skin at the top.
        context: Category; the spacing plays no part.

    Returns:
        ``malignancy_probability`` with the interval of its calibration (see ``malignancy.Calibration``).

    Raises:
        UnsuitableImage: See ``breast_anatomy.find_lesions``.
    """
    lesions = find_lesions(image, context)
    probability = CALIBRATION.probability(evidence(image, lesions))
    return Findings((probability,), (Overlay("polygon", "lesion", simplified(lesions.main)),))


def evidence(image: Image, lesions: Lesions) -> tuple[float, ...]:
    """What the probability is computed from, in the order of ``CALIBRATION.names``."""
    return (malignant_logit(lesions.prediction, lesions.main, *image.shape),)
