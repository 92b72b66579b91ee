import numpy as np
import pytest

from cad_modules.contract import UnsuitableImage
from cad_modules.geometry import Ellipse
from cad_modules.gestational_age import MODULE
from cad_modules.gestational_age.analyze import weeks_of

PICTURE = (540, 800)
IMAGE = np.zeros(PICTURE, np.uint8)


@pytest.mark.parametrize(
    ("circumference_cm", "weeks"),
    # Worked out by hand from the published regression, at the ends of its table and between them.
    [(6.8, 12.726), (10.0, 14.66), (20.0, 22.16), (30.0, 33.26), (36.0, 42.397)],
)
def test_the_regression_gives_the_published_ages(circumference_cm: float, weeks: float) -> None:
    assert weeks_of(circumference_cm) == pytest.approx(weeks, abs=0.001)


def head_of(draw_ellipse, make_context, circumference_mm: float, mm_per_pixel: float | None = 0.25):
    scale = circumference_mm / (Ellipse(0, 0, 1, 0.8, 0).perimeter * (mm_per_pixel or 0.25))
    drawn = draw_ellipse(PICTURE, 400, 265, scale, 0.8 * scale)
    return make_context("us_fetal_head", mm_per_pixel, head=drawn)


@pytest.mark.parametrize(
    ("circumference_mm", "spread"), [(120, 1.19), (180, 1.48), (240, 2.06), (300, 2.98), (335, 3.20)]
)
def test_a_head_of_known_circumference_gets_its_age_and_spread(
    draw_ellipse, make_context, circumference_mm: float, spread: float
) -> None:
    answer = MODULE.analyze(IMAGE, head_of(draw_ellipse, make_context, circumference_mm))
    (finding,) = answer.findings
    assert finding.unit == "weeks"
    assert finding.value == pytest.approx(weeks_of(circumference_mm / 10), abs=0.06)
    assert finding.interval == pytest.approx((finding.value - spread, finding.value + spread))


def test_without_spacing_there_is_no_age(draw_ellipse, make_context) -> None:
    with pytest.raises(UnsuitableImage, match="spacing is not known"):
        MODULE.analyze(IMAGE, head_of(draw_ellipse, make_context, 180, mm_per_pixel=None))


@pytest.mark.parametrize("circumference_mm", [60, 370])
def test_outside_of_the_formula_there_is_no_age(draw_ellipse, make_context, circumference_mm: float) -> None:
    spacing = circumference_mm / 800
    with pytest.raises(UnsuitableImage, match="outside of the formula's range"):
        MODULE.analyze(IMAGE, head_of(draw_ellipse, make_context, circumference_mm, spacing))


def test_no_head_has_no_age(make_context) -> None:
    with pytest.raises(UnsuitableImage, match="no fetal head"):
        MODULE.analyze(IMAGE, make_context("us_fetal_head", 0.2, head=np.zeros((256, 256), np.float32)))
