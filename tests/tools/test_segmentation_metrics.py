import numpy as np
import pytest

from tools.training.segmentation_metrics import dice, grouped_mean


def test_dice_is_twice_the_common_area_over_both() -> None:
    one, other = np.zeros((4, 4), np.bool_), np.zeros((4, 4), np.bool_)
    one[:2], other[1:3] = True, True
    assert dice(one, other) == pytest.approx(0.5)
    assert dice(one, one) == 1
    assert dice(one, ~one) == 0


def test_nothing_found_where_nothing_is_counts_as_right() -> None:
    nothing = np.zeros((3, 3), np.bool_)
    assert dice(nothing, nothing) == 1


def test_pictures_of_one_patient_do_not_make_the_interval_narrower() -> None:
    rng = np.random.default_rng(0)
    patients = rng.normal(0, 1, 20)
    alone = grouped_mean(patients.tolist(), [str(i) for i in range(20)])
    repeated = grouped_mean(np.repeat(patients, 10).tolist(), [str(i) for i in range(20) for _ in range(10)])
    careless = grouped_mean(np.repeat(patients, 10).tolist(), [str(i) for i in range(200)])
    assert (repeated.low, repeated.high) == pytest.approx((alone.low, alone.high))
    assert careless.high - careless.low < 0.5 * (repeated.high - repeated.low)
    assert (repeated.pictures, repeated.groups) == (200, 20)


def test_a_mean_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 values"):
        grouped_mean([], [])
