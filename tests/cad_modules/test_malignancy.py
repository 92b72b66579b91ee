import numpy as np
import pytest

from cad_modules.geometry import Ellipse
from cad_modules.malignancy import Calibration, inside, malignant_logit
from models.bundle import Prediction

OUTLINE = Ellipse(100, 80, 40, 25, 0.3).points(100)


def prediction(probability: float) -> Prediction:
    maps = np.full((64, 64, 2), 0.01, np.float32)
    maps[inside(OUTLINE, 64, 64, 200, 300), 1] = probability
    return Prediction(("lesion", "malignant"), maps)


def test_the_mean_logit_is_that_of_the_pixels_inside() -> None:
    assert malignant_logit(prediction(0.8), OUTLINE, 200, 300) == pytest.approx(np.log(4), rel=1e-5)
    assert malignant_logit(prediction(0.0), OUTLINE, 200, 300) == pytest.approx(-10)


def test_an_outline_smaller_than_a_pixel_of_the_map_still_has_one() -> None:
    speck = Ellipse(299, 199, 0.5, 0.5, 0).points(32)
    assert inside(speck, 16, 16, 200, 300).sum() == 1


def test_a_probability_has_an_interval_that_widens_with_doubt_about_the_weights() -> None:
    sure = Calibration(("x",), (1.0, -0.5), ((0.01, 0.0), (0.0, 0.01)))
    unsure = Calibration(("x",), (1.0, -0.5), ((0.25, 0.0), (0.0, 0.25)))
    narrow, wide = sure.probability((1.5,)), unsure.probability((1.5,))
    assert narrow.value == wide.value == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert wide.interval[0] < narrow.interval[0] < narrow.value < narrow.interval[1] < wide.interval[1]
    half = 1.96 * np.sqrt(0.01 * 1.5**2 + 0.01)
    assert narrow.interval[1] == pytest.approx(1 / (1 + np.exp(-1.0 - half)))


def test_weights_that_do_not_fit_the_features_are_refused() -> None:
    with pytest.raises(ValueError, match="1 features, 3 weights"):
        Calibration(("x",), (1.0, 2.0, 3.0), ((1.0,),))
