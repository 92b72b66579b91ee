import numpy as np
import pytest

from tools.evaluation.selective import area_under, auroc, reliability, risk_coverage, thinned


def test_bins_tell_honest_from_boastful_confidence() -> None:
    confidence = np.repeat([0.55, 0.95], 100)
    right = np.concatenate([np.arange(100) < 55, np.arange(100) < 60])
    honest, boastful = reliability(confidence, right)
    assert honest == {"confidence": 0.55, "accuracy": 0.55, "share": 0.5}
    assert boastful == {"confidence": 0.95, "accuracy": 0.6, "share": 0.5}


def test_confidence_of_one_is_in_the_last_bin() -> None:
    assert reliability(np.array([1.0, 0.91]), np.array([True, True]))[0]["share"] == 1.0


def test_risk_is_zero_until_the_first_wrong_picture_is_accepted() -> None:
    curve = risk_coverage(np.array([0.1, 0.2, 0.3, 0.4]), np.array([True, True, False, True]))
    assert curve == [(0.25, 0.0), (0.5, 0.0), (0.75, pytest.approx(1 / 3)), (1.0, 0.25)]
    assert area_under(curve) == pytest.approx((0 + 0 + 1 / 3 + 0.25) / 4)


def test_pictures_of_the_same_score_are_accepted_together() -> None:
    assert risk_coverage(np.array([0.1, 0.1, 0.9]), np.array([False, True, True])) == [
        (pytest.approx(2 / 3), 0.5),
        (1.0, pytest.approx(1 / 3)),
    ]


def test_score_that_puts_errors_last_has_the_smaller_area() -> None:
    right = np.arange(100) < 90
    good, bad = (area_under(risk_coverage(score, right)) for score in (np.arange(100.0), -np.arange(100.0)))
    assert good < 0.01 < 0.1 < bad


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    assert auroc(np.array([0.1, 0.2]), np.array([0.3, 0.9])) == 1.0
    assert auroc(np.array([0.1, 0.4]), np.array([0.2])) == 0.5
    assert auroc(np.array([0.2, 0.2]), np.array([0.2])) == 0.5


def test_thinned_curve_keeps_its_ends() -> None:
    curve = [(number / 1000, 0.0) for number in range(1001)]
    short = thinned(curve, 11)
    assert len(short) == 11
    assert (short[0], short[-1]) == (curve[0], curve[-1])
