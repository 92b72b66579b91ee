import math

import numpy as np
import pytest

from cad_modules.contract import UnsuitableImage
from cad_modules.left_ventricle import MODULE

PICTURE = (600, 500)
IMAGE = np.zeros(PICTURE, np.uint8)
SEMI_SHORT, SEMI_LONG = 60.0, 160.0
BASE = 330.0
"""The annulus cuts the ellipse here: its apex is at 250 - 160 = 90."""


def heart(draw_ellipse, annulus_y: float = BASE, degrees: float = 0.0) -> dict[str, np.ndarray]:
    """Half an ellipse as cavity, open to an atrium below, a wall around it."""
    rows = ((np.arange(256) + 0.5) * PICTURE[0] / 256 - 0.5)[:, np.newaxis]
    above = 1 / (1 + np.exp((rows - annulus_y) / 0.8))
    whole = draw_ellipse(PICTURE, 250, 250, SEMI_SHORT, SEMI_LONG, degrees)
    outer = draw_ellipse(PICTURE, 250, 250, SEMI_SHORT + 30, SEMI_LONG + 30, degrees)
    cavity = (whole * above).astype(np.float32)
    atrium = (draw_ellipse(PICTURE, 250, annulus_y + 60, 58, 75) * (1 - above)).astype(np.float32)
    return {
        "left_ventricle": cavity,
        "myocardium": np.clip(outer - whole, 0, 1) * above.astype(np.float32),
        "left_atrium": atrium,
    }


def cut_ellipse_area() -> float:
    """Of the ellipse above the annulus."""
    cut = (BASE - 250) / SEMI_LONG
    return SEMI_SHORT * SEMI_LONG * (math.pi - math.acos(cut) + cut * math.sqrt(1 - cut**2))


def cut_ellipse_volume() -> float:
    """Of the solid of revolution: the integral of pi r^2 from the apex to the annulus."""
    y = np.linspace(-SEMI_LONG, BASE - 250, 100_001)
    return float(np.trapezoid(math.pi * SEMI_SHORT**2 * (1 - (y / SEMI_LONG) ** 2), y))


def test_a_cavity_of_known_shape_is_measured(draw_ellipse, make_context, values) -> None:
    answer = MODULE.analyze(IMAGE, make_context("us_cardiac", 0.3, **heart(draw_ellipse)))
    found = values(answer)
    assert found["lv_area"] == pytest.approx(cut_ellipse_area() * 0.09, rel=0.01)
    assert found["lv_length"] == pytest.approx((BASE - 90) * 0.3, rel=0.01)
    assert found["lv_volume"] == pytest.approx(cut_ellipse_volume() * 0.027 / 1000, rel=0.02)
    assert [finding.unit for finding in answer.findings] == ["mm2", "mm", "ml"]


def test_long_axis_runs_from_the_annulus_to_the_apex(draw_ellipse, make_context) -> None:
    answer = MODULE.analyze(IMAGE, make_context("us_cardiac", 0.3, **heart(draw_ellipse)))
    polygon, axis = answer.overlays
    assert (polygon.kind, polygon.label) == ("polygon", "left_ventricle")
    assert (axis.kind, axis.label) == ("line", "long_axis")
    assert np.array(axis.points) == pytest.approx(np.array([(250, BASE), (250, 90)]), abs=4)


def test_an_upside_down_heart_has_the_same_size(draw_ellipse, make_context, values) -> None:
    upright = heart(draw_ellipse)
    flipped = {label: drawn[::-1] for label, drawn in upright.items()}
    first, second = (
        values(MODULE.analyze(IMAGE, make_context("us_cardiac", 0.3, **maps))) for maps in (upright, flipped)
    )
    assert second == pytest.approx(first, rel=0.02)


def test_without_an_atrium_only_the_area_is_given(draw_ellipse, make_context, values) -> None:
    maps = heart(draw_ellipse)
    maps["left_atrium"] = np.zeros_like(maps["left_atrium"])
    assert list(values(MODULE.analyze(IMAGE, make_context("us_cardiac", 0.3, **maps)))) == ["lv_area"]


def test_without_spacing_everything_is_in_pixels(draw_ellipse, make_context) -> None:
    answer = MODULE.analyze(IMAGE, make_context("us_cardiac", None, **heart(draw_ellipse)))
    assert [finding.unit for finding in answer.findings] == ["px2", "px", "px3"]


def test_what_is_no_single_whole_ventricle_is_unsuitable(draw_ellipse, make_context) -> None:
    maps = heart(draw_ellipse)
    cases = {
        "no left ventricle": np.zeros((256, 256), np.float32),
        "cut off": draw_ellipse(PICTURE, 10, 250, 60, 120),
        "another cavity": np.maximum(
            draw_ellipse(PICTURE, 130, 250, 60, 120), draw_ellipse(PICTURE, 370, 250, 50, 100)
        ),
    }
    for reason, cavity in cases.items():
        with pytest.raises(UnsuitableImage, match=reason):
            MODULE.analyze(IMAGE, make_context("us_cardiac", 0.3, **(maps | {"left_ventricle": cavity})))
