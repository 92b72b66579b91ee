import numpy as np
import pytest

from cad_modules.breast_malignancy import MODULE
from cad_modules.breast_malignancy.analyze import CALIBRATION
from cad_modules.contract import UnsuitableImage
from models.bundle import BUILT_IN_BUNDLES, read_card

PICTURE = (400, 500)
IMAGE = np.random.default_rng(3).integers(20, 140, PICTURE).astype(np.uint8)


def test_the_more_malignant_a_lesion_looks_the_higher_its_probability(draw_ellipse, make_context, values) -> None:
    lesion = draw_ellipse(PICTURE, 240, 180, 70, 45)
    found = [
        values(MODULE.analyze(IMAGE, make_context("us_breast", lesion=lesion, malignant=lesion * np.float32(part))))
        for part in (0.0002, 0.4, 0.98)
    ]
    probabilities = [one["malignancy_probability"] for one in found]
    assert probabilities == sorted(probabilities)
    assert probabilities[0] < 0.25
    assert probabilities[-1] > 0.6


def test_without_a_lesion_there_is_no_probability(make_context) -> None:
    nothing = np.zeros((256, 256), np.float32)
    with pytest.raises(UnsuitableImage, match="no lesion"):
        MODULE.analyze(IMAGE, make_context("us_breast", lesion=nothing, malignant=nothing))


def test_the_calibration_is_the_one_fitted_for_the_bundle() -> None:
    fitted = read_card(BUILT_IN_BUNDLES / "breast_segmentation").metrics["malignancy_calibration"]
    assert tuple(fitted["features"]) == CALIBRATION.names
    assert tuple(fitted["weights"]) == CALIBRATION.weights
