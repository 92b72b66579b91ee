import numpy as np
import pytest

from cad_modules.cardiothoracic_ratio import MODULE
from cad_modules.contract import UnsuitableImage

PICTURE = (768, 700)
IMAGE = np.zeros(PICTURE, np.uint8)


def chest(draw_ellipse, **changes) -> dict[str, np.ndarray]:
    maps = {
        "lung_right": draw_ellipse(PICTURE, 200, 380, 100, 250),
        "lung_left": draw_ellipse(PICTURE, 520, 380, 100, 240),
        "heart": draw_ellipse(PICTURE, 400, 480, 130, 110),
    }
    return maps | changes


def test_heart_and_thorax_of_known_width_make_their_ratio(draw_ellipse, make_context, values) -> None:
    answer = MODULE.analyze(IMAGE, make_context("xr_chest", 0.4, **chest(draw_ellipse)))
    found = values(answer)
    assert found["heart_width"] == pytest.approx(260 * 0.4, abs=0.4)
    assert found["thorax_width"] == pytest.approx(520 * 0.4, abs=0.4)  # 100 to 620, both at their middle
    assert found["cardiothoracic_ratio"] == pytest.approx(0.5, abs=0.002)


def test_thorax_is_measured_at_one_height(draw_ellipse, make_context, values) -> None:
    # Right wall widest at row 300, left wall at row 500: no row has both.
    maps = chest(
        draw_ellipse,
        lung_right=draw_ellipse(PICTURE, 200, 300, 100, 250),
        lung_left=draw_ellipse(PICTURE, 520, 500, 100, 250),
    )
    at_400 = 2 * 100 * np.sqrt(1 - (100 / 250) ** 2) + 320
    assert values(MODULE.analyze(IMAGE, make_context("xr_chest", None, **maps)))["thorax_width"] == pytest.approx(
        at_400, abs=1
    )


def test_ratio_does_not_depend_on_the_spacing(draw_ellipse, make_context, values) -> None:
    maps = chest(draw_ellipse)
    ratios = {
        values(MODULE.analyze(IMAGE, make_context("xr_chest", spacing, **maps)))["cardiothoracic_ratio"]
        for spacing in (None, 0.1, 0.7)
    }
    assert len(ratios) == 1


def test_lines_are_level_and_as_long_as_the_widths(draw_ellipse, make_context, values) -> None:
    answer = MODULE.analyze(IMAGE, make_context("xr_chest", None, **chest(draw_ellipse)))
    lines = [overlay for overlay in answer.overlays if overlay.kind == "line"]
    assert [overlay.label for overlay in answer.overlays] == ["heart", "heart_width", "heart_width", "thorax_width"]
    for line in lines:
        assert line.points[0][1] == line.points[1][1]
    lengths = [line.points[1][0] - line.points[0][0] for line in lines]
    assert lengths[0] + lengths[1] == pytest.approx(values(answer)["heart_width"], abs=0.05)
    assert lengths[2] == pytest.approx(values(answer)["thorax_width"], abs=0.05)


def test_missing_or_misplaced_organs_are_unsuitable(draw_ellipse, make_context) -> None:
    empty = np.zeros((256, 256), np.float32)
    cases = {
        "the heart is not visible": {"heart": empty},
        "the left lung is not visible": {"lung_left": empty},
        "not between the lungs": {"heart": draw_ellipse(PICTURE, 665, 640, 30, 90)},
        "which no chest has": {"heart": draw_ellipse(PICTURE, 350, 480, 260, 110)},
        "the heart is cut off": {"heart": draw_ellipse(PICTURE, 400, 760, 130, 110)},
    }
    for reason, changed in cases.items():
        with pytest.raises(UnsuitableImage, match=reason):
            MODULE.analyze(IMAGE, make_context("xr_chest", 0.4, **chest(draw_ellipse, **changed)))
