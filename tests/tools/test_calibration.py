import numpy as np
import pytest

from tools.evaluation.calibration import (
    REJECT_RANGE,
    choose_thresholds,
    expected_calibration_error,
    fit_temperature,
    softmax,
)


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


def test_accept_threshold_rises_until_accepted_pictures_are_right() -> None:
    # 400 sure and right, 100 at about 0.8 of which 40 are wrong
    logits = np.zeros((500, 10))
    logits[:400, 0] = 8.0
    logits[400:, 0] = 3.5
    labels = np.zeros(500, np.int64)
    labels[400:440] = 1
    logits[:, -1] = -9.0
    reject, accept = choose_thresholds(logits, labels)
    unsure = softmax(logits[400:401, :-1]).max()
    assert accept > unsure
    assert reject == REJECT_RANGE[0]


def test_sure_network_gets_the_lowest_accept_threshold_and_the_reject_threshold_stays_in_its_range() -> None:
    logits = np.zeros((200, 10))
    logits[:, 3] = 12.0
    logits[:100, -1] = 14.0  # known pictures that look like nothing known
    reject, accept = choose_thresholds(logits, np.full(200, 3))
    assert accept == 0.7
    assert reject == REJECT_RANGE[1]
