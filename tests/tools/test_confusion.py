import numpy as np
import pytest

from tools.evaluation.confusion import confusion, interval, macro_f1, recall


def test_counts_recall_and_macro_f1_of_a_small_example() -> None:
    true, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 1])
    counts = confusion(true, predicted, 3)
    assert counts.tolist() == [[2, 1, 0], [0, 1, 1], [0, 1, 0]]
    assert recall(counts).tolist() == pytest.approx([2 / 3, 1 / 2, 0])
    # two categories and a reject label: F1 = 2 * 2 / (3 + 2) and 2 * 1 / (2 + 3)
    assert macro_f1(counts, 2) == pytest.approx((0.8 + 0.4) / 2)


def test_categories_without_pictures_do_not_count() -> None:
    counts = confusion(np.array([0, 0]), np.array([0, 0]), 3)
    assert macro_f1(counts, 2) == 1.0
    assert np.isnan(recall(counts)[1])


def test_interval_holds_the_value_and_widens_when_pictures_share_patients() -> None:
    rng = np.random.default_rng(0)
    right_by_patient = rng.random(40) < 0.8
    predicted = np.where(right_by_patient, 0, 1).repeat(25)
    true = np.zeros(1000, np.int64)
    patients = np.array([f"p{number}" for number in range(40)]).repeat(25)
    alone = np.array([f"q{number}" for number in range(1000)])
    by_patient = interval(true, predicted, patients, 2, lambda counts: recall(counts)[..., 0])
    by_picture = interval(true, predicted, alone, 2, lambda counts: recall(counts)[..., 0])
    assert by_patient[0] < right_by_patient.mean() < by_patient[1]
    assert by_patient[1] - by_patient[0] > 3 * (by_picture[1] - by_picture[0])


def test_interval_repeats() -> None:
    true, predicted = np.array([0, 0, 0, 0]), np.array([0, 1, 0, 0])
    groups = np.array(["a", "b", "c", "d"])
    runs = {interval(true, predicted, groups, 2, lambda counts: recall(counts)[..., 0]) for _ in range(2)}
    assert len(runs) == 1
