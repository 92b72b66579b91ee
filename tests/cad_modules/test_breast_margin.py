import cv2
import numpy as np
import pytest

from cad_modules.breast_margin import MODULE
from cad_modules.breast_margin.analyze import posterior_ratio
from cad_modules.geometry import Ellipse

PICTURE = (400, 500)
LESION = Ellipse(250, 150, 70, 40, 0)


def tissue(behind: float, seed: int = 5) -> np.ndarray:
    """Speckle of mean 80, a dark lesion, and a column behind it that is brighter or darker."""
    level = np.full(PICTURE, 80.0)
    level[150:, 180:320] *= behind
    cv2.ellipse(level, (250, 150), (70, 40), 0, 0, 360, 15, -1)
    grain = np.random.default_rng(seed).rayleigh(0.8, PICTURE)
    return np.clip(level * grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("behind", [0.4, 1.0, 1.8])
def test_shadow_and_enhancement_are_the_ratio_of_gray_behind_to_beside(behind: float) -> None:
    assert posterior_ratio(tissue(behind), LESION.points(200)) == pytest.approx(behind, rel=0.08)


def test_letters_behind_the_lesion_do_not_move_the_ratio() -> None:
    image = tissue(1.0)
    cv2.putText(image, "LT 3", (200, 225), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    assert posterior_ratio(image, LESION.points(200)) == pytest.approx(1, rel=0.12)


def test_without_room_or_echo_behind_the_lesion_there_is_no_ratio(draw_ellipse, make_context, values) -> None:
    image = tissue(1.0)
    low = Ellipse(250, 355, 70, 40, 0)
    assert posterior_ratio(image, low.points(200)) is None
    dark = image.copy()
    dark[190:] = 2
    assert posterior_ratio(dark, LESION.points(200)) is None
    context = make_context("us_breast", lesion=draw_ellipse(PICTURE, 250, 150, 70, 40))
    assert list(values(MODULE.analyze(dark, context))) == ["margin_irregularity", "circularity"]


def test_beside_a_picture_s_edge_one_side_is_enough() -> None:
    image = np.ascontiguousarray(tissue(0.5)[:, 175:])
    moved = Ellipse(75, 150, 70, 40, 0)
    assert posterior_ratio(image, moved.points(200)) == pytest.approx(0.5, rel=0.1)


def test_a_ragged_lesion_is_more_irregular_than_a_smooth_one(draw_ellipse, make_context, values) -> None:
    smooth = draw_ellipse(PICTURE, 250, 150, 70, 40)
    ragged = smooth
    for x, y in ((180, 150), (320, 130), (250, 105), (290, 190), (205, 190)):
        ragged = np.maximum(ragged, draw_ellipse(PICTURE, x, y, 22, 14, degrees=x))
    image = tissue(1.0)
    first, second = (values(MODULE.analyze(image, make_context("us_breast", lesion=m))) for m in (smooth, ragged))
    assert first["margin_irregularity"] < 0.02
    assert second["margin_irregularity"] > first["margin_irregularity"] + 0.05
    assert second["circularity"] < first["circularity"]
