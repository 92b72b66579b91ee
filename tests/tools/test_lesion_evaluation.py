import numpy as np
import pytest

from tools.module_evaluation.lesions import auc, calibration, discrimination, sensitivity
from tools.module_evaluation.malignancy_fit import Case, fit, judge, leave_one_group_out
from tools.module_evaluation.statistics import grouped_interval


def cases(count: int, slope: float, seed: int = 3) -> list[Case]:
    """Lesions whose truth is drawn from a logistic model of one feature; a second one says nothing."""
    random = np.random.default_rng(seed)
    features = random.normal(5, 2, (count, 2))
    truth = random.random(count) < 1 / (1 + np.exp(-slope * (features[:, 0] - 5)))
    return [Case(tuple(x), bool(t), str(n // 2)) for n, (x, t) in enumerate(zip(features.tolist(), truth, strict=True))]


def test_a_fit_finds_the_model_that_drew_the_cases() -> None:
    found = fit(("tells", "noise"), cases(4000, 1.2))
    assert found.weights == pytest.approx((1.2, 0.0, -6.0), rel=0.08, abs=0.08)
    few = fit(("tells", "noise"), cases(60, 1.2))
    assert np.array(few.covariance)[0, 0] > 10 * np.array(found.covariance)[0, 0]
    assert (np.linalg.eigvalsh(np.array(few.covariance)) > 0).all()


def test_a_fit_on_one_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="malignant and benign"):
        fit(("x",), [Case((float(n),), True, str(n)) for n in range(9)])


def test_leaving_groups_out_shows_that_a_useless_feature_is_useless() -> None:
    useless = [Case((case.features[1],), case.malignant, case.group) for case in cases(200, 1.2)]
    useful = [Case((case.features[0],), case.malignant, case.group) for case in cases(200, 1.2)]
    assert leave_one_group_out(("x",), useless)["auc"] < 0.6
    judged = leave_one_group_out(("x",), useful)
    assert judged["auc"] > 0.85
    assert judged["brier"] < judged["brier_of_the_share"]
    assert abs(judged["mean_minus_share"]) < 0.05
    on_others = judge(fit(("x",), useful[:100]), useful[100:])
    assert on_others["malignant"] + on_others["benign"] == 100
    assert on_others["auc"] == pytest.approx(judged["auc"], abs=0.06)


def test_sensitivity_is_counted_where_nine_of_ten_benign_stay_below() -> None:
    benign = [(float(n), 0.0) for n in range(10)]
    malignant = [(8.0, 1.0), (8.5, 1.0), (20.0, 1.0), (3.0, 1.0)]
    assert sensitivity(np.array(benign + malignant)) == 0.5
    assert auc(np.array([(1.0, 1.0), (0.0, 0.0)])) == 1
    assert np.isnan(auc(np.array([(1.0, 1.0)])))


def test_discrimination_of_one_kind_is_only_a_count() -> None:
    assert discrimination([(0.2, True, "a"), (0.4, True, "b")]) == {"pictures": 2}


def test_probabilities_that_say_the_share_have_its_brier_score() -> None:
    report = calibration([(0.25, n == 0, str(n)) for n in range(4)])
    assert report["brier"] == report["brier_of_the_share"] == 0.1875
    assert report["mean_minus_share"] == 0


def test_an_interval_over_few_patients_is_wide() -> None:
    rows = np.array([(float(n % 10), float(n % 10 > 4)) for n in range(100)])
    rows[::7, 0] = 4.5

    def mean(drawn: np.ndarray) -> float:
        return float(drawn[:, 0].mean())

    many = grouped_interval(rows, [str(n) for n in range(100)], mean)
    few = grouped_interval(rows, [str(n % 10) for n in range(100)], mean)
    assert few[1] - few[0] > many[1] - many[0] > 0
