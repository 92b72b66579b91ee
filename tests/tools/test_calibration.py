import numpy as np
import pytest

from tools.evaluation.calibration import expected_calibration_error, fit_temperature, softmax


def drawn_from(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # type: ignore[type-arg]
    """Labels drawn with the probabilities that the logits state: perfectly calibrated."""
    return (softmax(logits).cumsum(axis=1) > rng.random((len(logits), 1))).argmax(axis=1)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_temperature_undoes_a_known_overconfidence(factor: float) -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 2, (20000, 10))
    labels = drawn_from(honest, rng)
    assert fit_temperature(honest * factor, labels) == pytest.approx(factor, rel=0.05)


def test_calibration_error_is_small_for_honest_and_large_for_boastful_probabilities() -> None:
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 1, (20000, 10))
    labels = drawn_from(honest, rng)
    assert expected_calibration_error(honest, labels) < 0.02
    assert expected_calibration_error(honest * 5, labels) > 0.3
