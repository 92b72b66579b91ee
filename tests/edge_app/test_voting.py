import numpy as np
import pytest

from cad_modules.contract import CATEGORIES
from edge_app.records import CategoryScore, Classification, ModelIdentity
from edge_app.voting import Vote, correlation_time

MODEL = ModelIdentity("router", "1", "0" * 64)
RATE_HZ = 25


def classified(category: str | None, probability: float = 0.9) -> Classification:
    """Accepted as a category, or rejected with lungs as the most probable."""
    first = category or "us_lung"
    rest = (1 - probability) / (len(CATEGORIES) - 1)
    others = [CategoryScore(name, rest) for name in CATEGORIES if name != first]
    scores = (CategoryScore(first, probability), *others)
    decision = "rejected" if category is None else "accepted"
    return Classification(decision, category, "", () if category is None else (category,), scores, 0.0, MODEL)  # type: ignore[arg-type]


def vote_on(answers: list[Classification]) -> Vote:
    vote = Vote()
    for number, answer in enumerate(answers):
        vote.add(answer, number / RATE_HZ)
    return vote


def test_correlation_time_of_independent_values_is_about_one_and_of_a_slow_walk_as_derived() -> None:
    rng = np.random.default_rng(0)
    assert correlation_time(rng.normal(size=4000)) == pytest.approx(1, abs=0.2)
    walk = np.zeros(20000)
    for step in range(1, len(walk)):
        walk[step] = 0.9 * walk[step - 1] + rng.normal()
    assert correlation_time(walk) == pytest.approx((1 + 0.9) / (1 - 0.9), rel=0.3)


def test_frames_that_vary_freely_agree_soon_and_the_reason_counts_them() -> None:
    rng = np.random.default_rng(1)
    verdict = vote_on([classified("us_cardiac", p) for p in rng.uniform(0.6, 0.99, 12)]).verdict()
    assert (verdict.state, verdict.category, verdict.agreeing, verdict.frames) == ("agreed", "us_cardiac", 12, 12)
    assert verdict.reason == "us_cardiac in 12 of 12 frames"


def test_frames_that_are_nearly_the_same_picture_say_little_together() -> None:
    drifting = np.linspace(0.8, 0.9, 12)
    verdict = vote_on([classified("us_cardiac", p) for p in drifting]).verdict()
    assert verdict.independent < 4
    assert verdict.state == "keep scanning"
    assert verdict.reason.startswith("keep scanning: us_cardiac in 12 of 12 frames")


def test_frames_with_the_very_same_scores_are_counted_by_time() -> None:
    assert vote_on([classified("us_lung")] * 8).verdict().state == "keep scanning"
    assert vote_on([classified("us_lung")] * 3 * RATE_HZ).verdict().state == "agreed"


def test_bare_majority_of_few_independent_frames_is_not_enough_and_of_many_is() -> None:
    rng = np.random.default_rng(2)

    def mixed(count: int) -> Vote:
        answers = [classified("us_lung" if number % 5 < 3 else None, rng.uniform(0.5, 0.99)) for number in range(count)]
        return vote_on([answers[index] for index in rng.permutation(count)])

    assert mixed(20).verdict().state == "keep scanning"
    assert mixed(800).verdict().state == "agreed"


def test_minority_agrees_on_nothing() -> None:
    verdict = vote_on([classified("us_lung")] * 40 + [classified(None)] * 60).verdict()
    assert (verdict.state, verdict.reason) == ("disagreed", "no category in more than 40 of 100 frames")
    assert vote_on([classified(None)] * 9).verdict().category is None


def test_view_has_changed_once_another_category_lasts() -> None:
    hearts, lungs = [classified("us_cardiac")] * 50, [classified("us_lung")] * 50
    assert not vote_on([*hearts, *lungs[:20]]).changed  # 0.8 s of it
    assert vote_on([*hearts, *lungs]).changed
    assert not vote_on([*hearts, *lungs[:30], hearts[0], *lungs[:30]]).changed  # back in between
    assert not vote_on([*hearts, *[classified(None)] * 50]).changed  # a lost view is no other one


def test_few_frames_of_a_moment_are_not_enough_however_they_vary() -> None:
    rng = np.random.default_rng(3)
    assert vote_on([classified("us_liver", p) for p in rng.uniform(0.5, 0.99, 4)]).verdict().state == "keep scanning"
