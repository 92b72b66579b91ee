from pathlib import Path

import numpy as np
import pytest
from fakes.pictures import frame, sector

from cad_modules.contract import CATEGORIES
from edge_app import screen
from edge_app.classifier import Classifier
from models.bundle import BUILT_IN_BUNDLES
from models.errors import BundleNotFound


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(BUILT_IN_BUNDLES / "router", reject_threshold=0.5, accept_threshold=0.8)


def logits(reject: float = -10.0, **categories: float) -> np.ndarray:
    return np.array([*(categories.get(name, 0.0) for name in CATEGORIES), reject], np.float32)


def test_sure_picture_is_accepted_as_one_category(classifier: Classifier) -> None:
    decision = classifier.decide(logits(xr_chest=8.0))
    assert (decision.decision, decision.category, decision.prediction_set) == ("accepted", "xr_chest", ("xr_chest",))


def test_scores_are_sorted_complete_and_sum_to_one(classifier: Classifier) -> None:
    scores = classifier.decide(logits(us_lung=2.0, xr_knee=3.0)).scores
    assert {score.category for score in scores} == set(CATEGORIES)
    assert [score.category for score in scores[:2]] == ["xr_knee", "us_lung"]
    assert sum(score.probability for score in scores) == pytest.approx(1)


def test_unsure_between_two_runs_the_modules_of_both(classifier: Classifier) -> None:
    decision = classifier.decide(logits(us_liver=8.0, us_breast=7.9))
    assert (decision.decision, decision.category) == ("ambiguous", None)
    assert decision.prediction_set == ("us_liver", "us_breast")


def test_unsure_between_many_runs_nothing(classifier: Classifier) -> None:
    decision = classifier.decide(logits())
    assert (decision.decision, decision.prediction_set) == ("rejected", ())


def test_unknown_picture_is_rejected_however_sure_the_rest_is(classifier: Classifier) -> None:
    decision = classifier.decide(logits(reject=12.0, us_lung=9.0))
    assert decision.decision == "rejected"
    assert decision.ood_score > 0.9
    assert decision.scores[0].category == "us_lung"


def test_huge_logits_do_not_overflow(classifier: Classifier) -> None:
    assert classifier.decide(logits(us_lung=1e4)).scores[0].probability == pytest.approx(1)


def test_any_picture_gets_a_decision(classifier: Classifier) -> None:
    for shape in ((16, 16), (17, 511), (300, 400, 3)):
        pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
        decision = classifier.classify(screen.look(frame(pixels)))
        assert len(decision.scores) == len(CATEGORIES)


def test_same_picture_gets_the_same_scores(classifier: Classifier) -> None:
    picture = screen.look(frame(sector()))
    assert classifier.classify(picture).scores == classifier.classify(picture).scores


def test_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match=r"card\.toml"):
        Classifier(tmp_path)
