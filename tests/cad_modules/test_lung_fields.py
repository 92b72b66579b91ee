import math

import numpy as np
import pytest

from cad_modules.contract import UnsuitableImage
from cad_modules.lung_fields import MODULE

PICTURE = (768, 700)
IMAGE = np.zeros(PICTURE, np.uint8)


def lungs(draw_ellipse, **changes) -> dict[str, np.ndarray]:
    maps = {
        "lung_right": draw_ellipse(PICTURE, 200, 380, 100, 250),
        "lung_left": draw_ellipse(PICTURE, 520, 380, 80, 240),
        "heart": draw_ellipse(PICTURE, 400, 480, 130, 110),
    }
    return maps | changes


def test_lungs_of_known_size_are_measured(draw_ellipse, make_context, values) -> None:
    found = values(MODULE.analyze(IMAGE, make_context("xr_chest", 0.4, **lungs(draw_ellipse))))
    right, left = math.pi * 100 * 250 * 0.16, math.pi * 80 * 240 * 0.16
    assert found["lung_area_right"] == pytest.approx(right, rel=0.005)
    assert found["lung_area_left"] == pytest.approx(left, rel=0.005)
    assert found["lung_symmetry"] == pytest.approx(left / right, rel=0.01)


def test_the_right_lung_is_on_the_left_side_of_the_picture(draw_ellipse, make_context) -> None:
    overlays = MODULE.analyze(IMAGE, make_context("xr_chest", 0.4, **lungs(draw_ellipse))).overlays
    middle = {overlay.label: np.mean([x for x, _ in overlay.points]) for overlay in overlays}
    assert middle["lung_right"] < PICTURE[1] / 2 < middle["lung_left"]


def test_without_spacing_areas_are_in_pixels(draw_ellipse, make_context) -> None:
    answer = MODULE.analyze(IMAGE, make_context("xr_chest", None, **lungs(draw_ellipse)))
    assert [finding.unit for finding in answer.findings] == ["px2", "px2", "1"]


def test_a_missing_cut_off_or_swapped_lung_is_unsuitable(draw_ellipse, make_context) -> None:
    maps = lungs(draw_ellipse)
    cases = {
        "the left lung is not visible": {"lung_left": np.zeros((256, 256), np.float32)},
        "the right lung is not visible": {"lung_right": draw_ellipse(PICTURE, 200, 380, 20, 60)},
        "the right lung is cut off": {"lung_right": draw_ellipse(PICTURE, 5, 380, 100, 250)},
        "side by side": {"lung_right": maps["lung_left"], "lung_left": maps["lung_right"]},
    }
    for reason, changed in cases.items():
        with pytest.raises(UnsuitableImage, match=reason):
            MODULE.analyze(IMAGE, make_context("xr_chest", 0.4, **(maps | changed)))


def test_a_network_that_hesitates_everywhere_is_not_believed(draw_ellipse, make_context) -> None:
    maps = {
        "lung_right": draw_ellipse(PICTURE, 200, 380, 100, 250, softness=25),
        "lung_left": draw_ellipse(PICTURE, 520, 380, 80, 240, softness=25),
        "heart": draw_ellipse(PICTURE, 400, 480, 130, 110, softness=25),
    }
    with pytest.raises(UnsuitableImage, match="may be no frontal chest radiograph"):
        MODULE.analyze(IMAGE, make_context("xr_chest", 0.4, **maps))
