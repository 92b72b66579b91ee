import numpy as np
import pytest

from edge_app.sources.gray_levels import percentile_window, scale_to_8_bit


@pytest.mark.parametrize("depth", [np.uint16, np.int16, np.int32, np.float32, np.float64])
def test_the_window_becomes_black_to_white(depth: type) -> None:
    values = np.array([[-9000 if depth is not np.uint16 else 0, 1000, 2000, 3000, 30000]]).astype(depth)
    assert scale_to_8_bit(values, 1000, 3000).tolist() == [[0, 0, 128, 255, 255]]


def test_large_values_lose_no_step() -> None:
    values = np.array([2**31 - 256, 2**31 - 1], np.int64)
    assert scale_to_8_bit(values, 2**31 - 256, 2**31 - 1).tolist() == [0, 255]


def test_what_is_no_number_is_black_and_infinity_is_white() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 1.0])
    assert scale_to_8_bit(values, 0, 1).tolist() == [0, 255, 0, 255]


def test_a_window_without_width_is_black() -> None:
    assert not scale_to_8_bit(np.full((4, 4), 7, np.uint16), 7, 7).any()


def test_the_percentiles_leave_out_what_is_rare_and_not_finite() -> None:
    values = np.arange(100_000, dtype=np.float32)
    values[:10], values[10:20] = np.nan, 1e9
    low, high = percentile_window(values)
    assert 50 < low < 200 and 99_800 < high < 100_000


def test_a_picture_that_is_nearly_flat_keeps_its_few_pixels() -> None:
    values = np.zeros((200, 200), np.uint16)
    values[5, 5] = 900
    assert percentile_window(values) == (0, 900)


def test_without_any_number_there_is_no_window() -> None:
    assert percentile_window(np.full(10, np.nan)) == (0, 0)
    assert percentile_window(np.empty(0)) == (0, 0)
