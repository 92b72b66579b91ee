import math

import numpy as np
import pytest

from cad_modules.contract import UnsuitableImage
from cad_modules.fetal_head import MODULE
from cad_modules.geometry import Ellipse

PICTURE = (540, 800)
IMAGE = np.zeros(PICTURE, np.uint8)


def head(draw_ellipse, **changes) -> np.ndarray:
    shape = {"x": 400, "y": 260, "semi_x": 210, "semi_y": 165, "degrees": 25} | changes
    return draw_ellipse(PICTURE, **shape)


def test_head_of_known_size_is_measured_in_millimetres(draw_ellipse, make_context, values) -> None:
    context = make_context("us_fetal_head", 0.15, head=head(draw_ellipse))
    found = values(MODULE.analyze(IMAGE, context))
    assert found["head_circumference"] == pytest.approx(Ellipse(0, 0, 210, 165, 0).perimeter * 0.15, abs=0.15)
    assert found["biparietal_diameter"] == pytest.approx(2 * 165 * 0.15, abs=0.1)
    assert found["occipitofrontal_diameter"] == pytest.approx(2 * 210 * 0.15, abs=0.1)
    assert found["cephalic_index"] == pytest.approx(100 * 165 / 210, abs=0.2)


def test_without_spacing_lengths_are_in_pixels(draw_ellipse, make_context) -> None:
    answer = MODULE.analyze(IMAGE, make_context("us_fetal_head", None, head=head(draw_ellipse)))
    assert {finding.feature: finding.unit for finding in answer.findings} == {
        "head_circumference": "px",
        "biparietal_diameter": "px",
        "occipitofrontal_diameter": "px",
        "cephalic_index": "%",
    }


def test_overlay_is_an_ellipse_on_the_drawn_head(draw_ellipse, make_context) -> None:
    (overlay,) = MODULE.analyze(IMAGE, make_context("us_fetal_head", 0.15, head=head(draw_ellipse))).overlays
    assert (overlay.kind, overlay.label) == ("ellipse", "head")
    x, y = (np.array(overlay.points) - (400, 260)).T
    turn = math.radians(25)
    along, aside = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    assert np.hypot(along / 210, aside / 165) == pytest.approx(np.ones(len(x)), abs=0.01)


def test_a_head_that_is_cut_off_a_little_is_still_measured(draw_ellipse, make_context, values) -> None:
    drawn = head(draw_ellipse, x=400, y=157, degrees=0)  # 8 of 330 rows are missing
    answer = MODULE.analyze(IMAGE, make_context("us_fetal_head", 0.15, head=drawn))
    assert values(answer)["biparietal_diameter"] == pytest.approx(2 * 165 * 0.15, abs=0.4)
    assert min(y for _, y in answer.overlays[0].points) >= -0.5


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"semi_x": 30, "semi_y": 25}, "no fetal head"),
        ({"y": 20}, "cut off"),
        ({"semi_x": 260, "semi_y": 110, "degrees": 0}, "too long"),
    ],
)
def test_what_is_no_whole_head_is_unsuitable(draw_ellipse, make_context, changes, reason: str) -> None:
    with pytest.raises(UnsuitableImage, match=reason):
        MODULE.analyze(IMAGE, make_context("us_fetal_head", 0.15, head=head(draw_ellipse, **changes)))


def test_an_empty_map_is_no_head(make_context) -> None:
    with pytest.raises(UnsuitableImage, match="no fetal head"):
        MODULE.analyze(IMAGE, make_context("us_fetal_head", 0.15, head=np.zeros((256, 256), np.float32)))


def test_a_square_is_no_head(make_context) -> None:
    drawn = np.zeros((256, 256), np.float32)
    drawn[60:200, 80:170] = 1
    with pytest.raises(UnsuitableImage, match="not an ellipse"):
        MODULE.analyze(IMAGE, make_context("us_fetal_head", 0.15, head=drawn))
