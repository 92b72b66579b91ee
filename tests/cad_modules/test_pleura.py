import cv2
import numpy as np
import pytest
from fakes.drawn_scan import DrawnLung

from cad_modules.beams import BEAMS, DEPTHS, unroll
from cad_modules.pleura import find_pleural_line


@pytest.mark.parametrize("half_angle", [0.0, 0.35, 0.6])
@pytest.mark.parametrize("pleura", [0.15, 0.25, 0.35])
def test_the_pleural_line_of_a_drawn_lung_is_found_where_it_was_drawn(half_angle: float, pleura: float) -> None:
    drawn = DrawnLung(pleura=pleura, half_angle=half_angle, a_lines=1)
    line = find_pleural_line(drawn.image())
    assert line is not None and line.confidence > 0.5
    assert line.depth == pytest.approx(drawn.pleura_depth, abs=0.02 * drawn.height)
    assert line.continuity > 0.8


def test_the_line_is_found_at_the_same_place_in_a_larger_picture() -> None:
    small, large = (find_pleural_line(DrawnLung(height=height).image()) for height in (300, 900))
    assert small is not None and large is not None
    assert large.depth / small.depth == pytest.approx(3, rel=0.06)


def test_a_gap_in_the_line_makes_it_less_continuous() -> None:
    whole = DrawnLung(half_angle=0.0).image()
    broken = whole.copy()
    column = round(broken.shape[1] * 0.35)
    gap = slice(column, column + round(broken.shape[1] * 0.3))
    broken[85:115, gap] = broken[130:160, gap]
    lines = find_pleural_line(whole), find_pleural_line(broken)
    assert lines[0] is not None and lines[1] is not None
    assert lines[1].continuity < lines[0].continuity - 0.1


@pytest.mark.parametrize("grain", [0.3, 1.5, 4.0])
def test_noise_has_no_pleural_line(grain: float) -> None:
    random = np.random.default_rng(2)
    noise = cv2.GaussianBlur(random.normal(0, 1, (300, 280)), (0, 0), grain)
    assert find_pleural_line(np.clip(noise / noise.std() * 60 + 120, 0, 255).astype(np.uint8)) is None


@pytest.mark.parametrize("shape", [(16, 16), (30, 400), (400, 30)])
def test_a_tiny_picture_has_no_pleural_line(shape: tuple[int, int]) -> None:
    assert find_pleural_line(np.full(shape, 90, np.uint8)) is None


def test_the_beams_of_a_curved_probe_are_those_of_its_edges() -> None:
    unrolled = unroll(DrawnLung(half_angle=0.5, height=400).image())
    assert unrolled is not None and unrolled.fan.seen
    assert unrolled.fan.last_angle == pytest.approx(0.5, abs=0.04)
    assert unrolled.fan.first_angle == pytest.approx(-0.5, abs=0.04)
    assert unrolled.image.shape == (DEPTHS, BEAMS)
