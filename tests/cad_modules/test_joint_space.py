import cv2
import numpy as np
import pytest

from cad_modules.conformance import Example, check_module
from cad_modules.contract import AnalysisContext, UnsuitableImage
from cad_modules.joint_space import MODULE

NEVER = lambda name: pytest.fail(f"asked for {name}")  # noqa: E731


def drawn_knee(left: float = 16, right: float = 12, size: int = 400, fibula: str | None = "right") -> np.ndarray:
    """A knee with a joint space of ``left`` and ``right`` pixels at the sides of the picture."""
    image = np.full((size, size), 60, np.float32)
    plateau = int(0.58 * size)
    border, other, middle = int(0.08 * size), int(0.92 * size), size // 2
    shaft = int(0.1 * size)
    tibia = [(border, plateau), (other, plateau), (other - shaft, size), (border + shaft, size)]
    cv2.fillPoly(image, [np.array(tibia)], 150)
    cv2.fillPoly(image, [np.array([(middle - 30, plateau), (middle, plateau - 28), (middle + 30, plateau)])], 150)
    for begin, end, width in ((border, middle - 40, left), (middle + 40, other, right)):
        cv2.rectangle(image, (begin, 0), (end, round(plateau - width)), 150, cv2.FILLED)
        cv2.line(image, (begin, round(plateau - width)), (end, round(plateau - width)), 200, 3)
        cv2.line(image, (begin, plateau), (end, plateau), 210, 3)
    cv2.rectangle(image, (middle - 40, 0), (middle + 40, plateau - 70), 150, cv2.FILLED)
    if fibula:
        x = border + 14 if fibula == "left" else other - 14
        for row in range(int(0.72 * size), size, 12):
            cv2.circle(image, (x, row), 9, 190, 3)
    noise = np.random.default_rng(5).normal(0, 3, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)


def measured(image: np.ndarray, mm_per_pixel: float | None = None) -> dict[str, float]:
    answer = MODULE.analyze(image, AnalysisContext("xr_knee", NEVER, mm_per_pixel))
    return {finding.feature: finding.value for finding in answer.findings}


def test_it_keeps_the_contract() -> None:
    check_module(MODULE, [Example("drawn knee", (drawn_knee(),))])


@pytest.mark.parametrize(("left", "right"), [(18, 18), (20, 10), (9, 16)])
def test_both_compartments_are_measured(left: float, right: float) -> None:
    values = measured(drawn_knee(left, right))
    # The drawn cortical lines stand into the gap: half of their height is reached 4.7 pixels before the borders.
    assert values["joint_space_width_picture_left"] == pytest.approx(left - 4.7, abs=0.8)
    assert values["joint_space_width_picture_right"] == pytest.approx(right - 4.7, abs=0.8)
    assert values["joint_space_width_minimum"] == pytest.approx(min(left, right) - 4.7, abs=0.8)
    assert values["joint_space_ratio"] == pytest.approx((min(left, right) - 4.7) / 336, abs=0.004)


def test_the_fibula_tells_the_lateral_side() -> None:
    for side, other in (("left", "right"), ("right", "left")):
        values = measured(drawn_knee(20, 12, fibula=side))
        assert values["joint_space_width_lateral"] == values[f"joint_space_width_picture_{side}"]
        assert values["joint_space_width_medial"] == values[f"joint_space_width_picture_{other}"]


def test_without_a_fibula_the_sides_are_not_named() -> None:
    answer = MODULE.analyze(drawn_knee(fibula=None), AnalysisContext("xr_knee", NEVER))
    assert not [f for f in answer.findings if f.feature.endswith(("_medial", "_lateral"))]
    assert "not told apart" in answer.doubt


def test_a_turned_gray_scale_does_not_change_the_widths() -> None:
    image = drawn_knee()
    image = cv2.copyMakeBorder(image, 0, 0, 60, 60, cv2.BORDER_CONSTANT, value=10)
    answer = MODULE.analyze(255 - image, AnalysisContext("xr_knee", NEVER))
    assert {f.feature: f.value for f in answer.findings} == measured(image)
    assert "turned" in answer.doubt


def test_widths_are_in_millimetres_only_with_spacing() -> None:
    image = drawn_knee()
    in_pixels = MODULE.analyze(image, AnalysisContext("xr_knee", NEVER))
    assert {f.unit for f in in_pixels.findings} == {"px", "1"}
    assert measured(image, 0.3)["joint_space_width_minimum"] == pytest.approx(
        0.3 * measured(image)["joint_space_width_minimum"]
    )


def test_a_larger_picture_gives_the_same_knee() -> None:
    image = drawn_knee()
    large = cv2.resize(image, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    assert measured(large)["joint_space_ratio"] == pytest.approx(measured(image)["joint_space_ratio"], abs=0.004)


@pytest.mark.parametrize(
    "image",
    [
        np.full((300, 300), 90, np.uint8),
        drawn_knee()[:80, :80],
        np.hstack([drawn_knee(), drawn_knee()]),
        drawn_knee()[:200],
    ],
    ids=["blank", "small", "both knees", "thigh alone"],
)
def test_what_is_no_knee_is_unsuitable(image: np.ndarray) -> None:
    with pytest.raises(UnsuitableImage):
        MODULE.analyze(image, AnalysisContext("xr_knee", NEVER))
