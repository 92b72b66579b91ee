import numpy as np
import pytest

from tools.training.radiograph_figures import area_under_curve, quadratic_kappa, scores
from tools.training.radiograph_pictures import Picture, plain, varied
from tools.training.radiograph_settings import SETTINGS

GRADES = np.array([0, 1, 2, 3, 4, 4])


def test_kappa_is_one_for_agreement_and_zero_for_one_answer() -> None:
    assert quadratic_kappa(GRADES, GRADES, 5) == pytest.approx(1)
    assert quadratic_kappa(np.full(6, 2), GRADES, 5) == pytest.approx(0)


def test_kappa_punishes_far_misses_by_the_square() -> None:
    near, far = GRADES.copy(), GRADES.copy()
    near[0], far[0] = 1, 4
    assert quadratic_kappa(far, GRADES, 5) < quadratic_kappa(near, GRADES, 5) < 1


def test_the_curve_counts_pairs_in_order() -> None:
    values = np.array([0.1, 0.4, 0.4, 0.9])
    assert area_under_curve(values, np.array([0, 0, 1, 1])) == pytest.approx(3.5 / 4)


def test_the_expected_grade_is_the_sum_of_what_is_reached() -> None:
    logits = np.array([[9.0, 9, -9, -9], [-9, -9, -9, -9]])
    assert scores(SETTINGS["knee_osteoarthritis"], logits, np.ones((2, 1, 1))) == pytest.approx([2, 0], abs=0.01)


def test_a_map_is_pooled_over_the_chest_alone() -> None:
    logits = np.full((1, 4, 4, 2), -3.0)
    logits[0, 0, 0, 0] = 8
    places = np.ones((1, 4, 4))
    settings = SETTINGS["lung_opacity"]
    assert scores(settings, logits, places)[0] > 4
    places[0, 0, 0] = 0
    assert scores(settings, logits, places)[0] == pytest.approx(-3)


def test_variants_keep_the_size_and_differ_while_the_seed_repeats_them() -> None:
    image = np.random.default_rng(1).integers(0, 255, (288, 240)).astype(np.uint8)
    field = np.zeros_like(image)
    field[100:200, 60:180] = 255
    picture, settings = Picture(None, image, 1, 1.0, field), SETTINGS["lung_opacity"]  # type: ignore[arg-type]
    first, second = (varied(picture, settings, np.random.default_rng(seed)) for seed in (4, 5))
    again = varied(picture, settings, np.random.default_rng(4))
    assert first[0].shape == (settings.size, settings.size)
    assert (first[0] == again[0]).all()
    assert first[2] == again[2]
    assert (first[0] != second[0]).any()
    assert 0.05 < float(first[1].mean()) < 0.5
    assert float(plain(picture, settings.size)[1].mean()) == pytest.approx(100 * 120 / image.size, abs=0.03)
