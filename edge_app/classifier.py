"""The router: says which category a picture belongs to, or that it knows none for it."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES
from edge_app.records import CategoryScore, Classification, ModelIdentity, Picture
from models.bundle import Bundle
from models.errors import BundleRejected
from models.router_statistics import Head, read_statistics

REJECT_LABEL: Final = "reject"
"""The network's last output: trained on pictures of everything else."""
LARGEST_SET: Final = 2
"""A prediction set with more categories than this says nothing, and is rejected."""


class Classifier:
    """Runs the router's network and turns its outputs into a decision.

    Args:
        folder: The router's bundle.
        reject_threshold: Rejected above this ``ood_score``; None takes the card's.
        accept_threshold: The most probable categories that together reach this probability are the prediction set;
            None takes the categories that cannot be ruled out at ``coverage``.
        head: What turns the network's features into scores: its own SoftMax, or a support vector machine.
        coverage: Share of each category's pictures whose prediction set holds it; None takes the card's.
        threads: Of the interpreter.

    Raises:
        BundleNotFound, BundleRejected: The bundle cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        reject_threshold: float | None = None,
        accept_threshold: float | None = None,
        head: Head = "softmax",
        coverage: float | None = None,
        threads: int = 1,
    ) -> None:
        self._bundle = Bundle(folder, threads)
        card = self._bundle.card
        if card.labels != (*CATEGORIES, REJECT_LABEL):
            expected = f"the categories and {REJECT_LABEL!r}"
            raise BundleRejected(f"{folder.name}: its labels are {card.labels}, not {expected}")
        self.statistics = read_statistics(self._bundle, head)
        self._reject_threshold = reject_threshold or _share(folder, card.metrics.get(head, {}), "reject_threshold")
        self.coverage = coverage or _share(folder, card.metrics, "coverage")
        self._accept_threshold = accept_threshold
        self.model = ModelIdentity(card.name, card.version, card.sha256)

    def classify(self, picture: Picture) -> Classification:
        """Classify the picture area (one network run, gray or BGR of any size)."""
        prediction = self._bundle.infer(picture.pixels)
        return self.decide(self.statistics.logits(prediction), self.statistics.distance(prediction))

    def refuse(self, reason: str) -> Classification:
        """The decision for a picture that is not worth a look: blank or without signal."""
        return Classification("rejected", None, reason, (), (), 1.0, self.model, self.statistics.head)

    def decide(self, logits: NDArray[np.float64], distance: float) -> Classification:
        """SoftMax, sort and decide.

        Args:
            logits: The head's, shape (10,): the nine categories and the reject output.
            distance: Of the picture's features to the known ones.
        """
        exponentials = np.exp(logits[:-1] - logits[:-1].max())
        known = exponentials / exponentials.sum()
        ood_score = self.statistics.ood_score(logits, distance)
        scores = tuple(
            CategoryScore(CATEGORIES[index], float(known[index])) for index in np.argsort(-known, kind="stable")
        )
        if self._accept_threshold is None:
            possible = self.statistics.prediction_set(known, self.coverage)
            prediction_set = tuple(CATEGORIES[index] for index in possible)
        else:
            prediction_set = _smallest_set(scores, self._accept_threshold)

        if ood_score > self._reject_threshold:
            reason = f"resembles no known category (score {ood_score:.2f}, limit {self._reject_threshold:.2f})"
            return self._rejected(reason, scores, ood_score)
        if len(prediction_set) > LARGEST_SET:
            return self._rejected(f"not sure between {len(prediction_set)} categories", scores, ood_score)
        if len(prediction_set) == 1:
            decision, category = "accepted", scores[0].category
            reason = f"{category} with probability {scores[0].probability:.2f}"
        else:
            decision, category = "ambiguous", None
            reason = f"not sure between {' and '.join(prediction_set)}: the modules of both run"
        return Classification(
            decision,  # type: ignore[arg-type]
            category,
            reason,
            prediction_set,
            scores,
            ood_score,
            self.model,
            self.statistics.head,
        )

    def _rejected(self, reason: str, scores: tuple[CategoryScore, ...], ood_score: float) -> Classification:
        return Classification("rejected", None, reason, (), scores, ood_score, self.model, self.statistics.head)


def _share(folder: Path, metrics: dict[str, Any], name: str) -> float:
    value = metrics.get(name)
    if not isinstance(value, float) or not 0 < value <= 1:
        raise BundleRejected(f"{folder.name}: the card's metrics have no {name} between 0 and 1")
    return value


def _smallest_set(scores: tuple[CategoryScore, ...], level: float) -> tuple[str, ...]:
    """The most probable categories that together reach the level."""
    total = 0.0
    chosen: list[str] = []
    for score in scores:
        chosen.append(score.category)
        total += score.probability
        if total >= level:
            break
    return tuple(chosen)
