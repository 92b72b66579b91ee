import cv2
import numpy as np
import pytest

from cad_modules.bone_axis import MODULE
from cad_modules.conformance import Example, check_module
from cad_modules.contract import AnalysisContext, Findings, UnsuitableImage

CONTEXT = AnalysisContext("xr_extremity", lambda name: pytest.fail(f"asked for {name}"))


def drawn_limb(*bones: list[tuple[int, int]], width: int = 26, size: tuple[int, int] = (600, 400)) -> np.ndarray:
    """Air, a straight limb, and bones along lines, each with brighter cortices."""
    image = np.full(size, 12, np.float32)
    cv2.rectangle(image, (60, 0), (size[1] - 60, size[0]), 80, cv2.FILLED)
    for bone in bones:
        corners = [np.array(bone, np.int32)]
        cv2.polylines(image, corners, False, 215, width, cv2.LINE_AA)
        cv2.polylines(image, corners, False, 165, width - 12, cv2.LINE_AA)
    noise = np.random.default_rng(6).normal(0, 3, size)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)


def analysed(image: np.ndarray) -> Findings:
    return MODULE.analyze(image, CONTEXT)


def values(image: np.ndarray) -> dict[str, float]:
    return {finding.feature: finding.value for finding in analysed(image).findings}


def test_it_keeps_the_contract() -> None:
    check_module(MODULE, [Example("drawn limb", (drawn_limb([(180, 40), (200, 560)]),))])


def test_each_straight_bone_has_one_axis_that_does_not_bend() -> None:
    assert values(drawn_limb([(150, 30), (160, 570)], [(250, 30), (245, 570)])) == {"axis_count": 2, "angulation": 0}


@pytest.mark.parametrize("degrees", [12, 25, 40])
def test_the_angle_of_a_broken_bone_is_measured(degrees: float) -> None:
    aside = 250 * np.tan(np.radians(degrees / 2))
    bone = [(round(200 - aside / 2), 50), (round(200 + aside / 2), 300), (round(200 - aside / 2), 550)]
    found = values(drawn_limb(bone))
    assert found["axis_count"] == 1
    assert found["angulation"] == pytest.approx(degrees, abs=4)


def test_axes_lie_on_the_bone_in_pixels_of_the_picture() -> None:
    image = cv2.resize(drawn_limb([(180, 40), (220, 560)]), None, fx=3, fy=3)
    framed = cv2.copyMakeBorder(image, 90, 60, 120, 30, cv2.BORDER_CONSTANT, value=0)
    (line,) = analysed(framed).overlays
    for x, y in line.points:
        expected = 120 + 3 * (180 + 40 * ((y - 90) / 3 - 40) / 520)
        assert x == pytest.approx(expected, abs=9)
    assert abs(line.points[0][1] - line.points[1][1]) > 3 * 400


def test_the_skin_alone_has_no_axis() -> None:
    with pytest.raises(UnsuitableImage, match="no long bone"):
        analysed(drawn_limb())


def test_the_gray_scale_may_be_turned() -> None:
    image = drawn_limb([(180, 40), (200, 560)])
    turned = analysed(255 - image)
    assert turned.findings == analysed(image).findings
    assert "turned" in turned.doubt


@pytest.mark.parametrize("image", [np.full((300, 300), 255, np.uint8), drawn_limb([(180, 40), (200, 560)])[:100, :100]])
def test_what_shows_no_bone_is_unsuitable(image: np.ndarray) -> None:
    with pytest.raises(UnsuitableImage):
        analysed(image)
