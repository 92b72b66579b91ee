from dataclasses import replace

import numpy as np
import pytest

from cad_modules.contract import CATEGORIES
from models.bundle import Prediction
from models.router_statistics import RouterStatistics, limit
from tools.evaluation.calibration import fit_sigmoid
from tools.training.router_batches import LABELS
from tools.training.router_samples import Samples
from tools.training.router_statistics import DIMENSIONS, KNOWN_ACCEPTED, fit_distance, fit_known, fit_ood, fit_svm

FEATURES = 128
REJECT = len(CATEGORIES)


def samples(seed: int, each: int = 40, without: int | None = None) -> Samples:
    """Every label around a point of its own; its logit is 5 on average, the others' 0."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([label for label in range(len(LABELS)) if label != without], each)
    centres = np.random.default_rng(99).normal(0, 1, (len(LABELS), FEATURES))
    features = centres[labels] + rng.normal(0, 0.3, (len(labels), FEATURES))
    logits = np.eye(len(LABELS))[labels] * 5 + rng.normal(0, 1, (len(labels), len(LABELS)))
    return Samples(features.astype(np.float32), logits, labels, np.array(["plain"] * len(labels)))


@pytest.fixture
def statistics() -> RouterStatistics:
    distance = fit_distance(samples(1), seed=3)
    one = np.zeros(1, np.float32)
    return RouterStatistics(
        head="softmax",
        centre=distance["centre"],
        components=distance["components"].astype(np.float32),
        neighbours=distance["neighbours"].astype(np.float32),
        known_distances=one,
        known_odds=one,
        known_energies=one,
        ood_slope=0.0,
        ood_offset=0.0,
        nonconformity=(one,) * len(CATEGORIES),
        weights=np.zeros((len(LABELS), FEATURES), np.float32),
        biases=np.zeros(len(LABELS), np.float32),
        sigmoid_slopes=np.ones(len(LABELS), np.float32),
        sigmoid_offsets=np.zeros(len(LABELS), np.float32),
    )


def predictions(given: Samples) -> list[Prediction]:
    pairs = zip(given.features, given.logits, strict=True)
    return [Prediction(LABELS, logits.astype(np.float32), features) for features, logits in pairs]


def test_sigmoid_is_that_which_the_truth_was_drawn_from() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(3, 2, 40000)
    truth = rng.random(len(scores)) < 1 / (1 + np.exp(-(1.5 * scores - 4)))
    assert fit_sigmoid(scores, truth) == (pytest.approx(1.5, rel=0.05), pytest.approx(-4, rel=0.05))


def test_balanced_sigmoid_crosses_one_half_between_the_classes_however_rare_one_is() -> None:
    scores = np.concatenate([np.random.default_rng(0).normal(0, 1, 5000), np.random.default_rng(1).normal(4, 1, 50)])
    slope, offset = fit_sigmoid(scores, np.arange(len(scores)) >= 5000, balanced=True)
    assert -offset / slope == pytest.approx(2, abs=0.3)


def test_separable_scores_give_a_finite_sigmoid_that_separates() -> None:
    slope, offset = fit_sigmoid(np.array([0.0, 1, 2, 10, 11]), np.array([False, False, False, True, True]))
    assert np.isfinite([slope, offset]).all() and slope > 0
    assert 2 < -offset / slope < 10


def test_distances_are_measured_to_as_many_pictures_of_each_category_and_none_refused(
    statistics: RouterStatistics,
) -> None:
    train = samples(1)
    assert statistics.components.shape == (FEATURES, DIMENSIONS)
    assert len(statistics.neighbours) == 40 * len(CATEGORIES)
    known = [statistics.distance(one) for one in predictions(train)[: 40 * len(CATEGORIES)]]
    refused = [statistics.distance(one) for one in predictions(train)[40 * len(CATEGORIES) :]]
    assert np.median(refused) > np.quantile(known, 0.99)


def test_prediction_sets_cover_new_pictures_of_every_category_as_stated(statistics: RouterStatistics) -> None:
    fitted = fit_known(statistics, predictions(samples(2, 300)), samples(2, 300).labels)
    fresh = samples(3, 300)
    logits = fresh.logits[:, :-1]
    improbable = np.logaddexp.reduce(logits, axis=1)[:, None] - logits
    for category in range(len(CATEGORIES)):
        of_it = fresh.labels == category
        covered = improbable[of_it, category] <= limit(fitted[f"softmax_nonconformity_{category}"], 0.9)
        assert covered.mean() == pytest.approx(0.9, abs=0.06)


def test_category_without_validation_pictures_is_in_no_prediction_set(statistics: RouterStatistics) -> None:
    given = samples(2, without=4)
    fitted = fit_known(statistics, predictions(given), given.labels)
    sets = replace(
        statistics,
        nonconformity=tuple(fitted[f"softmax_nonconformity_{index}"] for index in range(len(CATEGORIES))),
    )
    probabilities = np.full(len(CATEGORIES), 0.1)
    probabilities[0] = 0.2
    assert 4 not in sets.prediction_set(probabilities, 0.98)


def test_threshold_lets_the_stated_share_of_known_pictures_by(statistics: RouterStatistics) -> None:
    given = samples(2, 200)
    refused = np.flatnonzero(given.labels == REJECT)[:100]  # half of them look like the first category
    given.logits[refused], given.features[refused] = given.logits[:100], given.features[:100]
    fitted = fit_known(statistics, predictions(given), given.labels)
    ready = replace(
        statistics,
        known_distances=fitted["known_distances"],
        known_odds=fitted["softmax_known_odds"],
        known_energies=fitted["softmax_known_energies"],
    )
    (slope, offset), threshold = fit_ood(ready, predictions(given), given.labels)
    ready = replace(ready, ood_slope=float(slope), ood_offset=float(offset))
    scores = np.array(
        [ready.ood_score(one.values.astype(np.float64), ready.distance(one)) for one in predictions(given)]
    )
    known = given.labels < REJECT
    assert (scores[known] <= threshold).mean() == pytest.approx(KNOWN_ACCEPTED, abs=0.005)
    assert (scores[~known] > threshold).mean() == pytest.approx(0.52, abs=0.05)


def test_machines_name_new_pictures_and_never_a_category_that_they_did_not_learn() -> None:
    pytest.importorskip("sklearn", reason="the support vector machine is fitted in the training environment")
    fitted = fit_svm(samples(1, without=2), samples(2, without=2))
    fresh = samples(3)
    margins = fresh.features @ fitted["svm_weights"].T + fitted["svm_biases"]
    values = margins * fitted["svm_sigmoid_slopes"] + fitted["svm_sigmoid_offsets"]
    learned = fresh.labels != 2
    assert (values.argmax(axis=1) == fresh.labels)[learned].mean() > 0.98
    assert (values.argmax(axis=1) != 2).all()
