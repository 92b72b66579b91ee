import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes.pictures import frame, sector

from cad_modules.contract import CATEGORIES
from edge_app import screen
from edge_app.classifier import Classifier
from models.bundle import BUILT_IN_BUNDLES
from models.errors import BundleNotFound, BundleRejected
from models.router_statistics import Head

HEADS: tuple[Head, ...] = ("softmax", "svm")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(BUILT_IN_BUNDLES / "router", reject_threshold=0.5, accept_threshold=0.8)


def logits(reject: float = -10.0, **categories: float) -> np.ndarray:
    return np.array([*(categories.get(name, 0.0) for name in CATEGORIES), reject])


def typical(classifier: Classifier) -> float:
    """The distance that half of the known pictures have."""
    return float(np.median(classifier.statistics.known_distances))


def test_sure_picture_is_accepted_as_one_category(classifier: Classifier) -> None:
    decision = classifier.decide(logits(xr_chest=8.0), typical(classifier))
    assert (decision.decision, decision.category, decision.prediction_set) == ("accepted", "xr_chest", ("xr_chest",))


def test_scores_are_sorted_complete_and_sum_to_one(classifier: Classifier) -> None:
    scores = classifier.decide(logits(us_lung=2.0, xr_knee=3.0), typical(classifier)).scores
    assert {score.category for score in scores} == set(CATEGORIES)
    assert [score.category for score in scores[:2]] == ["xr_knee", "us_lung"]
    assert sum(score.probability for score in scores) == pytest.approx(1)


def test_unsure_between_two_runs_the_modules_of_both(classifier: Classifier) -> None:
    decision = classifier.decide(logits(us_liver=8.0, us_breast=7.9), typical(classifier))
    assert (decision.decision, decision.category) == ("ambiguous", None)
    assert decision.prediction_set == ("us_liver", "us_breast")


def test_unsure_between_many_runs_nothing(classifier: Classifier) -> None:
    decision = classifier.decide(logits(), typical(classifier))
    assert (decision.decision, decision.prediction_set) == ("rejected", ())


def test_unknown_picture_is_rejected_however_sure_the_rest_is(classifier: Classifier) -> None:
    decision = classifier.decide(logits(reject=12.0, us_lung=9.0), typical(classifier))
    assert decision.decision == "rejected"
    assert decision.ood_score > 0.7
    assert decision.head == "softmax"
    assert decision.scores[0].category == "us_lung"


def test_huge_logits_do_not_overflow(classifier: Classifier) -> None:
    assert classifier.decide(logits(us_lung=1e4), typical(classifier)).scores[0].probability == pytest.approx(1)


def test_any_picture_gets_a_decision(classifier: Classifier) -> None:
    for shape in ((16, 16), (17, 511), (300, 400, 3)):
        pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
        decision = classifier.classify(screen.look(frame(pixels)))
        assert len(decision.scores) == len(CATEGORIES)


def test_same_picture_gets_the_same_scores(classifier: Classifier) -> None:
    picture = screen.look(frame(sector()))
    assert classifier.classify(picture).scores == classifier.classify(picture).scores


def test_picture_far_from_every_known_one_is_stranger_than_its_logits_say(classifier: Classifier) -> None:
    sure = logits(us_lung=9.0)
    near, far = (classifier.decide(sure, factor * typical(classifier)).ood_score for factor in (1.0, 5.0))
    assert 0 <= near < 0.2
    assert far > 2 * near


def test_categories_that_cannot_be_ruled_out_make_the_prediction_set() -> None:
    classifier = Classifier(BUILT_IN_BUNDLES / "router", reject_threshold=1.0)
    sure = classifier.decide(logits(xr_knee=14.0), typical(classifier))
    assert (sure.decision, sure.prediction_set) == ("accepted", ("xr_knee",))
    unsure = classifier.decide(logits(us_breast=14.0, us_nerve=13.9), typical(classifier))
    assert (unsure.decision, unsure.prediction_set) == ("ambiguous", ("us_breast", "us_nerve"))


def test_higher_coverage_rules_fewer_categories_out() -> None:
    sizes = []
    for coverage in (0.8, 0.98, 0.9999):
        statistics = Classifier(BUILT_IN_BUNDLES / "router", coverage=coverage).statistics
        sizes.append(len(statistics.prediction_set(np.array([0.9, 0.06, 0.04, *[1e-9] * 6]), coverage)))
    assert sizes == sorted(sizes)
    assert sizes[0] == 1
    assert sizes[-1] == len(CATEGORIES)  # more than the validation pictures can vouch for: nothing is ruled out


def test_each_head_says_its_name_and_both_see_the_same_picture_alike() -> None:
    picture = screen.look(frame(np.zeros((80, 80), np.uint8) + np.arange(80, dtype=np.uint8)))
    classified = {head: Classifier(BUILT_IN_BUNDLES / "router", head=head).classify(picture) for head in HEADS}
    assert {head: one.head for head, one in classified.items()} == {head: head for head in HEADS}
    assert all(sum(score.probability for score in one.scores) == pytest.approx(1) for one in classified.values())
    assert classified["softmax"].scores != classified["svm"].scores
    assert Classifier(BUILT_IN_BUNDLES / "router", head="svm").refuse("blank").head == "svm"


def test_card_without_a_threshold_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BUILT_IN_BUNDLES / "router", tmp_path / "router"))
    card = folder / "card.toml"
    card.write_text(card.read_text().replace("reject_threshold", "other_threshold"))
    with pytest.raises(BundleRejected, match="reject_threshold"):
        Classifier(folder)


def test_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match=r"card\.toml"):
        Classifier(tmp_path)
