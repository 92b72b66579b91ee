import numpy as np
import pytest

from tools.module_evaluation.bones import spearman


def test_spearman_is_the_correlation_of_ranks() -> None:
    assert spearman(np.array([(1.0, 9.0), (2.0, 4.0), (50.0, 1.0)])) == pytest.approx(-1)
    assert spearman(np.array([(1.0, 1.0), (2.0, 2.0), (3.0, 100.0), (4.0, 3.0)])) == pytest.approx(0.8)


def test_equal_values_share_their_mean_rank() -> None:
    assert spearman(np.array([(1.0, 1.0), (1.0, 1.0), (2.0, 2.0), (3.0, 2.0)])) == pytest.approx(0.9428, abs=1e-4)


def test_a_constant_column_has_no_correlation() -> None:
    assert np.isnan(spearman(np.array([(1.0, 1.0), (1.0, 2.0)])))
