import math

import numpy as np
import pytest

from cad_modules.geometry import Ellipse
from cad_modules.lesion_shape import circularity, equivalent_ellipse, margin_irregularity


def star(radius: float, depth: float, lobes: int = 9) -> np.ndarray:
    turn = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    distance = radius * (1 + depth * np.cos(lobes * turn))
    return np.column_stack((200 + distance * np.cos(turn), 150 + distance * np.sin(turn)))


def test_a_circle_is_round_and_an_ellipse_less_so_but_both_are_regular() -> None:
    circle, ellipse = Ellipse(100, 90, 40, 40, 0).points(400), Ellipse(100, 90, 60, 30, 0.6).points(400)
    assert circularity(circle) == pytest.approx(1, abs=0.01)
    expected = 4 * math.pi * math.pi * 60 * 30 / Ellipse(0, 0, 60, 30, 0).perimeter ** 2
    assert circularity(ellipse) == pytest.approx(expected, rel=0.01)
    assert margin_irregularity(circle) < 0.01
    assert margin_irregularity(ellipse) < 0.01


def test_deeper_lobes_are_more_irregular_and_less_round() -> None:
    shapes = [star(60, depth) for depth in (0.0, 0.08, 0.16, 0.3)]
    irregular, rounds = [margin_irregularity(s) for s in shapes], [circularity(s) for s in shapes]
    assert irregular == sorted(irregular)
    assert rounds == sorted(rounds, reverse=True)
    assert irregular[2] > 0.2


@pytest.mark.parametrize("scale", [0.3, 4.0])
def test_size_and_place_play_no_part(scale: float) -> None:
    shape = star(60, 0.15)
    assert margin_irregularity(shape * scale + 50) == pytest.approx(margin_irregularity(shape), rel=1e-4)
    assert circularity(shape * scale + 50) == pytest.approx(circularity(shape), rel=1e-4)


@pytest.mark.parametrize("turned", [False, True])
def test_the_equivalent_ellipse_of_an_ellipse_is_itself(turned: bool) -> None:
    points = Ellipse(120, 80, 50, 20, 0.4).points(400)
    found = equivalent_ellipse(points[::-1] if turned else points)
    assert (found.x, found.y) == (pytest.approx(120, abs=0.1), pytest.approx(80, abs=0.1))
    assert (found.semi_major, found.semi_minor) == (pytest.approx(50, rel=0.01), pytest.approx(20, rel=0.01))
    assert found.angle == pytest.approx(0.4, abs=0.01)
