"""Reliability and risk-coverage of the router's heads, and its answers to changed pictures."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from cad_modules.contract import CATEGORIES
from edge_app.classifier import Classifier
from tools.evaluation.calibration import softmax
from tools.evaluation.confusion import confusion, macro_f1
from tools.evaluation.router_answers import LABELS, Answers, Image, Network, as_it_is, ask, decisions
from tools.evaluation.selective import area_under, reliability, risk_coverage, thinned
from tools.evaluation.shortcuts import RESOLUTIONS, area_on_screen, at_resolution, border_only, compose_on_screen
from tools.training.dataset import Row

SEED = 11


def curves(answers: Mapping[str, Answers], classifiers: Mapping[str, Classifier]) -> dict[str, Any]:
    """Of each head: reliability of its probabilities, and risk over coverage by its open-set score.

    A picture of none of the categories is wrong wherever it is accepted.
    """
    result = {}
    for head, one in answers.items():
        probabilities = softmax(one.logits)
        score = classifiers[head].statistics.ood_score
        strange = np.array([score(*pair) for pair in zip(one.logits, one.distances.tolist(), strict=True)])
        # Where the scores are alike, the less sure answer goes first.
        unsure = 1 - softmax(one.logits[:, :-1]).max(axis=1)
        right = (one.labels < len(CATEGORIES)) & (one.logits[:, :-1].argmax(axis=1) == one.labels)
        curve = risk_coverage(strange + 1e-6 * unsure, right)
        result[head] = {
            "reliability": reliability(probabilities.max(axis=1), one.predicted == one.labels),
            "risk_coverage": thinned(curve),
            "area_under_risk_coverage": round(area_under(curve), 5),
        }
    return result


def changed(network: Network, rows: list[Row], classifier: Classifier) -> dict[str, Any]:
    """How pictures of the categories are judged as they are, at few pixels, on drawn screens, and by border alone."""
    known = [row for row in rows if row.category in CATEGORIES]
    rng = np.random.default_rng(SEED)
    changes: dict[str, Callable[[Image], Image]] = {"plain": as_it_is}
    changes |= {f"longest_side_{side}": partial(at_resolution, side=side) for side in RESOLUTIONS}
    changes["on_1080p_screen"] = lambda image: area_on_screen(compose_on_screen(image, rng))
    changes["border_only"] = border_only
    return {name: _summary(ask([network], known, 4, change)[0], classifier) for name, change in changes.items()}


def _summary(answers: Answers, classifier: Classifier) -> dict[str, float]:
    counts = confusion(answers.labels, answers.predicted, len(LABELS))
    named = answers.logits[:, :-1].argmax(axis=1)
    recalls = [float((named == label)[answers.labels == label].mean()) for label in np.unique(answers.labels)]
    decided = decisions(answers, classifier)
    total = len(answers.labels)
    return {
        "macro_f1": round(float(macro_f1(counts, len(CATEGORIES))), 4),
        "mean_recall_of_most_probable_category": round(float(np.mean(recalls)), 4),
        **{name: round(decided.get(name, 0) / total, 4) for name in ("accepted_right", "accepted_wrong", "rejected")},
    }
