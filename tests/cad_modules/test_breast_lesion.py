import math
from dataclasses import replace

import numpy as np
import pytest

from cad_modules.breast_lesion import MODULE
from cad_modules.contract import UnsuitableImage

PICTURE = (400, 500)
IMAGE = np.random.default_rng(3).integers(20, 140, PICTURE).astype(np.uint8)
NOTHING = np.zeros((256, 256), np.float32)


def test_a_lesion_of_known_shape_is_measured(draw_ellipse, make_context, values) -> None:
    lesion = draw_ellipse(PICTURE, 240, 180, 70, 40)
    answer = MODULE.analyze(IMAGE, make_context("us_breast", 0.1, lesion=lesion, malignant=NOTHING))
    found = values(answer)
    assert found["lesion_area"] == pytest.approx(math.pi * 70 * 40 * 0.01, rel=0.01)
    assert found["lesion_width"] == pytest.approx(14, rel=0.01)
    assert found["lesion_height"] == pytest.approx(8, rel=0.01)
    assert found["lesion_aspect"] == pytest.approx(4 / 7, rel=0.01)
    assert [finding.unit for finding in answer.findings] == ["mm2", "mm", "mm", "1"]


def test_the_area_s_interval_is_wider_where_the_network_hesitates(draw_ellipse, make_context) -> None:
    factors = []
    for softness in (0.8, 6.0):
        lesion = draw_ellipse(PICTURE, 240, 180, 70, 40, softness=softness)
        size = MODULE.analyze(IMAGE, make_context("us_breast", lesion=lesion)).findings[0]
        assert size.interval is not None
        low, high = size.interval
        assert high / size.value == pytest.approx(size.value / low)
        factors.append(high / size.value)
    assert 1.2 < factors[0] < 1.6
    assert factors[1] > 1.3 * factors[0]


def test_taller_than_wide_is_above_one(draw_ellipse, make_context, values) -> None:
    lesion = draw_ellipse(PICTURE, 240, 180, 40, 60)
    assert values(MODULE.analyze(IMAGE, make_context("us_breast", lesion=lesion)))["lesion_aspect"] > 1.4


def test_a_second_lesion_is_outlined_and_a_speck_is_not(draw_ellipse, make_context, values) -> None:
    main, second = draw_ellipse(PICTURE, 150, 180, 70, 50), draw_ellipse(PICTURE, 380, 200, 45, 40)
    speck = draw_ellipse(PICTURE, 300, 60, 18, 16)
    answer = MODULE.analyze(IMAGE, make_context("us_breast", lesion=np.maximum.reduce([main, second, speck])))
    assert [overlay.label for overlay in answer.overlays] == ["lesion", "lesion"]
    assert values(answer)["lesion_area"] == pytest.approx(math.pi * 70 * 50, rel=0.01)


def test_without_spacing_everything_is_in_pixels(draw_ellipse, make_context) -> None:
    lesion = draw_ellipse(PICTURE, 240, 180, 70, 40)
    answer = MODULE.analyze(IMAGE, make_context("us_breast", None, lesion=lesion))
    assert [finding.unit for finding in answer.findings] == ["px2", "px", "px", "1"]


def test_what_is_no_clear_whole_lesion_is_unsuitable(draw_ellipse, make_context) -> None:
    cases = {
        "no lesion": NOTHING,
        "cut off": draw_ellipse(PICTURE, 10, 180, 80, 60),
        "cannot be made out": draw_ellipse(PICTURE, 240, 180, 70, 40, softness=30),
    }
    for reason, lesion in cases.items():
        with pytest.raises(UnsuitableImage, match=reason):
            MODULE.analyze(IMAGE, make_context("us_breast", lesion=lesion))


def test_a_picture_in_colour_is_unsuitable_whatever_the_network_says(draw_ellipse, make_context) -> None:
    context = make_context("us_breast", lesion=draw_ellipse(PICTURE, 240, 180, 70, 40))
    with pytest.raises(UnsuitableImage, match="Doppler"):
        MODULE.analyze(IMAGE, replace(context, colour_fraction=0.1))
