import math

import numpy as np
import pytest

from cad_modules.contract import UnsuitableImage
from cad_modules.liver_mass import MODULE
from cad_modules.liver_mass.analyze import CALIBRATION
from models.bundle import BUILT_IN_BUNDLES, read_card

PICTURE = (400, 500)
IMAGE = np.random.default_rng(3).integers(20, 140, PICTURE).astype(np.uint8)
NOTHING = np.zeros((256, 256), np.float32)


@pytest.fixture
def liver(draw_ellipse) -> np.ndarray:
    drawn: np.ndarray = draw_ellipse(PICTURE, 240, 200, 180, 140)
    return drawn


def test_a_mass_of_known_size_is_measured_and_outlined(draw_ellipse, make_context, values, liver) -> None:
    mass = draw_ellipse(PICTURE, 230, 190, 40, 32)
    context = make_context("us_liver", 0.3, liver=liver, mass=mass, malignant=mass)
    answer = MODULE.analyze(IMAGE, context)
    assert values(answer)["mass_area"] == pytest.approx(math.pi * 40 * 32 * 0.09, rel=0.01)
    assert [finding.unit for finding in answer.findings] == ["mm2", "1"]
    assert [overlay.label for overlay in answer.overlays] == ["mass", "liver"]


def test_a_mass_that_looks_malignant_is_more_probably_so(draw_ellipse, make_context, values, liver) -> None:
    mass = draw_ellipse(PICTURE, 230, 190, 40, 32)
    low, high = (
        values(MODULE.analyze(IMAGE, make_context("us_liver", liver=liver, mass=mass, malignant=mass * np.float32(p))))
        for p in (0.05, 0.95)
    )
    assert low["malignancy_probability"] < high["malignancy_probability"]


def test_what_shows_no_clear_mass_in_a_liver_is_unsuitable(draw_ellipse, make_context, liver) -> None:
    mass = draw_ellipse(PICTURE, 230, 190, 40, 32)
    cases = {
        "no liver": {"liver": NOTHING, "mass": mass},
        "no mass": {"liver": liver, "mass": NOTHING},
        "cut off": {"liver": liver, "mass": draw_ellipse(PICTURE, 8, 190, 60, 50)},
        "cannot be made out": {"liver": liver, "mass": draw_ellipse(PICTURE, 230, 190, 60, 50, softness=40)},
    }
    for reason, maps in cases.items():
        with pytest.raises(UnsuitableImage, match=reason):
            MODULE.analyze(IMAGE, make_context("us_liver", **maps, malignant=NOTHING))


def test_the_calibration_is_the_one_fitted_for_the_bundle() -> None:
    fitted = read_card(BUILT_IN_BUNDLES / "liver_segmentation").metrics["malignancy_calibration"]
    assert tuple(fitted["features"]) == CALIBRATION.names
    assert tuple(fitted["weights"]) == CALIBRATION.weights
