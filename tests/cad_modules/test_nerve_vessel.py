import math

import numpy as np
import pytest

from cad_modules.contract import UnsuitableImage
from cad_modules.nerve_vessel import MODULE

PICTURE = (400, 500)
IMAGE = np.random.default_rng(3).integers(20, 140, PICTURE).astype(np.uint8)
NOTHING = np.zeros((256, 256), np.float32)


def test_areas_and_distance_of_drawn_structures(draw_ellipse, make_context, values) -> None:
    nerve, vessel = draw_ellipse(PICTURE, 130, 200, 50, 30), draw_ellipse(PICTURE, 300, 200, 60, 60)
    answer = MODULE.analyze(IMAGE, make_context("us_nerve", 0.1, nerve=nerve, vessel=vessel))
    found = values(answer)
    assert found["nerve_area"] == pytest.approx(math.pi * 50 * 30 * 0.01, rel=0.01)
    assert found["vessel_area"] == pytest.approx(math.pi * 60 * 60 * 0.01, rel=0.01)
    assert found["nerve_vessel_distance"] == pytest.approx((240 - 180) * 0.1, abs=0.1)
    assert [finding.unit for finding in answer.findings] == ["mm2", "mm2", "mm"]
    assert {overlay.label for overlay in answer.overlays} == {"nerve", "vessel"}


def test_the_distance_is_to_the_nearest_vessel_and_the_area_that_of_the_largest(
    draw_ellipse, make_context, values
) -> None:
    nerve = draw_ellipse(PICTURE, 250, 200, 40, 25)
    large, near = draw_ellipse(PICTURE, 90, 200, 60, 55), draw_ellipse(PICTURE, 335, 200, 30, 30)
    found = values(MODULE.analyze(IMAGE, make_context("us_nerve", nerve=nerve, vessel=np.maximum(large, near))))
    assert found["vessel_area"] == pytest.approx(math.pi * 60 * 55, rel=0.01)
    assert found["nerve_vessel_distance"] == pytest.approx(335 - 30 - 290, abs=1)


@pytest.mark.parametrize("vessel_radius", [12, 60])
def test_a_nerve_on_a_vessel_has_no_distance(draw_ellipse, make_context, values, vessel_radius: int) -> None:
    nerve = draw_ellipse(PICTURE, 250, 200, 45, 35)
    vessel = draw_ellipse(PICTURE, 255, 200, 1.8 * vessel_radius, 1.8 * vessel_radius)
    found = values(MODULE.analyze(IMAGE, make_context("us_nerve", nerve=nerve, vessel=vessel)))
    assert found["nerve_vessel_distance"] == 0


def test_without_a_vessel_the_nerve_alone_is_measured(draw_ellipse, make_context, values) -> None:
    nerve = draw_ellipse(PICTURE, 250, 200, 45, 35)
    assert list(values(MODULE.analyze(IMAGE, make_context("us_nerve", nerve=nerve, vessel=NOTHING)))) == ["nerve_area"]


def test_a_structure_that_is_cut_off_is_outlined_and_not_measured(draw_ellipse, make_context, values) -> None:
    nerve, vessel = draw_ellipse(PICTURE, 250, 200, 45, 35), draw_ellipse(PICTURE, 490, 200, 60, 60)
    answer = MODULE.analyze(IMAGE, make_context("us_nerve", nerve=nerve, vessel=vessel))
    assert list(values(answer)) == ["nerve_area", "nerve_vessel_distance"]
    assert {overlay.label for overlay in answer.overlays} == {"nerve", "vessel"}


def test_what_shows_neither_is_unsuitable(draw_ellipse, make_context) -> None:
    blurred = draw_ellipse(PICTURE, 250, 200, 60, 50, softness=40)
    cases = {
        "no nerve and no vessel": (NOTHING, NOTHING),
        "cut off": (draw_ellipse(PICTURE, 2, 200, 60, 60), NOTHING),
        "cannot be made out": (blurred, NOTHING),
    }
    for reason, (nerve, vessel) in cases.items():
        with pytest.raises(UnsuitableImage, match=reason):
            MODULE.analyze(IMAGE, make_context("us_nerve", nerve=nerve, vessel=vessel))
