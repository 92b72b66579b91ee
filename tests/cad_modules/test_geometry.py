import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cad_modules.geometry import (
    Ellipse,
    area,
    border_fraction,
    crossings,
    doubt,
    extents,
    fit_ellipse,
    largest_outline,
    outlines,
    perimeter,
    region_mask,
    resampled,
    sampled,
    simplified,
)


def disk(size: int, x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1).astype(np.float32)


def square(low: int, high: int, size: int = 20) -> np.ndarray:
    grid = np.zeros((size, size), np.float32)
    grid[low:high, low:high] = 1
    return grid


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 166])
@pytest.mark.parametrize("picture", [(540, 800), (800, 540), (128, 128)])
def test_ellipse_of_a_squashed_map_is_found_between_the_pixels(draw_ellipse, picture, degrees: float) -> None:
    height, width = picture
    semi_x, semi_y = 0.3 * min(picture), 0.2 * min(picture)
    drawn = draw_ellipse(picture, width / 2 + 0.3, height / 2 - 0.7, semi_x, semi_y, degrees)
    ellipse = fit_ellipse(largest_outline(drawn, height, width))
    assert ellipse is not None
    assert (ellipse.x, ellipse.y) == pytest.approx((width / 2 + 0.3, height / 2 - 0.7), abs=0.1)
    assert (ellipse.semi_major, ellipse.semi_minor) == pytest.approx((semi_x, semi_y), abs=0.15)
    assert abs(math.sin(ellipse.angle - math.radians(degrees))) < 0.02
    assert ellipse.perimeter == pytest.approx(Ellipse(0, 0, semi_x, semi_y, 0).perimeter, rel=2e-3)


def test_ramanujan_perimeter_is_that_of_the_exact_integral() -> None:
    ellipse = Ellipse(0, 0, 60, 40, 0)
    turn = np.linspace(0, 2 * np.pi, 200_001)
    exact = np.hypot(np.diff(60 * np.cos(turn)), np.diff(40 * np.sin(turn))).sum()
    assert ellipse.perimeter == pytest.approx(exact, rel=1e-6)
    assert Ellipse(0, 0, 10, 10, 0).perimeter == pytest.approx(20 * math.pi)


def test_outline_of_a_disk_has_its_area_and_length() -> None:
    outline = largest_outline(disk(200, 99.5, 80.25, 60), 200, 200)
    assert outline is not None
    assert area(outline) == pytest.approx(math.pi * 60**2, rel=1e-3)
    assert perimeter(outline) == pytest.approx(2 * math.pi * 60, rel=5e-3)


def test_holes_are_filled_and_regions_come_largest_first() -> None:
    grid = square(4, 16)
    grid[8:12, 8:12] = 0
    grid[0:2, 0:2] = 1
    found = outlines(grid, 20, 20)
    assert len(found) == 2
    assert area(found[0]) == pytest.approx(144, abs=1)  # the corners of the square are cut between pixels
    assert area(found[1]) == pytest.approx(4, abs=1)


def test_no_pixel_above_the_threshold_is_no_outline() -> None:
    assert outlines(np.full((8, 8), 0.49, np.float32), 80, 80) == ()
    assert largest_outline(np.zeros((8, 8), np.float32), 80, 80) is None
    assert not region_mask(np.zeros((8, 8), np.float32), 80, 80).any()


def test_a_full_map_is_the_whole_picture() -> None:
    outline = largest_outline(np.ones((16, 16), np.float32), 300, 500)
    assert outline is not None
    assert outline.min(axis=0).tolist() == [-0.5, -0.5]
    assert outline.max(axis=0).tolist() == [499.5, 299.5]
    assert border_fraction(outline, 300, 500) > 0.95  # its corners are cut between pixels


def test_touching_corners_are_two_regions() -> None:
    grid = np.zeros((6, 6), np.float32)
    grid[1:3, 1:3] = grid[3:5, 3:5] = 1
    assert len(outlines(grid, 6, 6)) == 2


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_every_loop_of_a_random_map_closes_inside_the_picture(rows: int, columns: int, seed: int) -> None:
    grid = np.random.default_rng(seed).random((rows, columns)).astype(np.float32)
    for outline in outlines(grid, 90, 70):
        assert area(outline) > 0
        assert outline.min() >= -0.5 and (outline <= (69.5, 89.5)).all()


def test_mask_agrees_with_the_outline(draw_ellipse) -> None:
    drawn = draw_ellipse((300, 400), 200, 150, 90, 60, 30)
    mask = region_mask(drawn, 300, 400)
    outline = largest_outline(drawn, 300, 400)
    assert mask.shape == (300, 400)
    assert mask.sum() == pytest.approx(area(outline), rel=3e-3)


def test_mask_keeps_the_largest_region_without_its_hole() -> None:
    grid = square(4, 16)
    grid[8:12, 8:12] = 0
    grid[18:20, 18:20] = 1
    assert region_mask(grid, 20, 20).sum() == 144


@pytest.mark.parametrize(("centre", "expected"), [((100, 100), 0.0), ((0, 100), 0.39)])
def test_border_fraction_tells_a_whole_disk_from_half_a_disk(centre, expected: float) -> None:
    outline = largest_outline(disk(200, *centre, 50), 200, 200)
    assert border_fraction(outline, 200, 200) == pytest.approx(expected, abs=0.02)


def test_a_cut_off_ellipse_is_fitted_from_what_is_visible(draw_ellipse) -> None:
    drawn = draw_ellipse((300, 400), 60, 150, 70, 50)  # the left 10 pixels are missing
    outline = largest_outline(drawn, 300, 400)
    assert fit_ellipse(outline, picture=(300, 400)).semi_major == pytest.approx(70, abs=0.3)
    assert fit_ellipse(outline).semi_major < 69


def test_residual_is_small_for_ellipses_and_large_for_squares() -> None:
    round_outline = largest_outline(disk(100, 50, 50, 30), 100, 100)
    square_outline = largest_outline(square(20, 80, 100), 100, 100)
    assert fit_ellipse(round_outline).residual(round_outline) < 0.005
    assert fit_ellipse(square_outline).residual(square_outline) > 0.05


@pytest.mark.parametrize("points", [[], [[0, 0]], [[0, 0], [1, 1], [2, 2], [3, 3], [4, 4], [5, 5]]])
def test_a_line_has_no_ellipse(points) -> None:
    assert fit_ellipse(np.array(points, np.float64).reshape(-1, 2)) is None


def test_crossings_and_extents_of_a_triangle() -> None:
    triangle = np.array([(0, 0), (10, 0), (5, 10)], np.float64)
    assert crossings(triangle, 5).tolist() == [2.5, 7.5]
    rows = np.array([2.0, 5.0, 20.0])
    found = extents(triangle, rows)
    assert found[:2].tolist() == [[1, 9], [2.5, 7.5]]
    assert np.isnan(found[2]).all()


def test_resampled_points_stand_at_equal_distances() -> None:
    points = resampled(np.array([(0, 0), (10, 0), (10, 10), (0, 10)], np.float64), 40)
    gaps = np.hypot(*np.diff(points, axis=0).T)
    assert gaps == pytest.approx(np.ones(39))


def test_simplified_outline_stays_within_its_tolerance() -> None:
    outline = largest_outline(disk(200, 100, 100, 80), 200, 200)
    corners = np.array(simplified(outline, 0.5))
    assert len(corners) < len(outline) / 5
    assert np.abs(np.hypot(*(corners - 100).T) - 80).max() < 0.6
    assert area(corners) == pytest.approx(area(outline), rel=0.01)


def test_sampled_follows_a_ramp_and_keeps_the_edge_beyond_it() -> None:
    ramp = np.tile(np.arange(10, dtype=np.float32), (6, 1))
    points = np.array([(9.5, 30.0), (14.5, 3.0), (-50.0, 0.0), (900.0, 0.0)])
    assert sampled(ramp, points, 60, 100).tolist() == pytest.approx([0.5, 1.0, 0.0, 9.0])


@pytest.mark.parametrize("softness", [0.5, 1.5, 4.0])
def test_doubt_is_the_width_of_a_logistic_edge(draw_ellipse, softness: float) -> None:
    drawn = draw_ellipse((256, 256), 128, 128, 80, 60, softness=softness)
    assert doubt(drawn) * 256 == pytest.approx(softness, rel=0.1)
    assert doubt(drawn, drawn) == pytest.approx(doubt(drawn))


def test_doubt_without_any_region_is_infinite() -> None:
    assert doubt(np.full((16, 16), 0.4, np.float32)) == math.inf
