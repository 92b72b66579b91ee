"""The router: says which category a picture belongs to, or that it knows none for it."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES
from edge_app.records import CategoryScore, Classification, ModelIdentity, Picture
from models.bundle import Bundle, Card
from models.errors import BundleRejected

REJECT_LABEL: Final = "reject"
"""The network's last output: trained on pictures of everything else."""
LARGEST_SET: Final = 2
"""A prediction set with more categories than this says nothing, and is rejected."""


class Classifier:
    """Runs the router's network and turns its outputs into a decision.

    Args:
        folder: The router's bundle.
        reject_threshold: Rejected above this ``ood_score``; None takes the card's.
        accept_threshold: Probability that the accepted category, or the prediction set as a whole, has to reach;
            None takes the card's.
        threads: Of the interpreter.

    Raises:
        BundleNotFound, BundleRejected: The bundle cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        reject_threshold: float | None = None,
        accept_threshold: float | None = None,
        threads: int = 1,
    ) -> None:
        self._bundle = Bundle(folder, threads)
        card = self._bundle.card
        if card.labels != (*CATEGORIES, REJECT_LABEL):
            expected = f"the categories and {REJECT_LABEL!r}"
            raise BundleRejected(f"{folder.name}: its labels are {card.labels}, not {expected}")
        self._reject_threshold = reject_threshold or _threshold(folder, card, "reject_threshold")
        self._accept_threshold = accept_threshold or _threshold(folder, card, "accept_threshold")
        self.model = ModelIdentity(card.name, card.version, card.sha256)

    def classify(self, picture: Picture) -> Classification:
        """Classify the picture area (one network run, gray or BGR of any size)."""
        return self.decide(self._bundle.infer(picture.pixels).values)

    def refuse(self, reason: str) -> Classification:
        """The decision for a picture that is not worth a look: blank or without signal."""
        return Classification("rejected", None, reason, (), (), 1.0, self.model)

    def decide(self, logits: NDArray[np.float32]) -> Classification:
        """SoftMax, sort and decide.

        Args:
            logits: Shape (10,): the nine categories and the reject output, already divided by the temperature.
        """
        exponentials = np.exp(logits.astype(np.float64) - logits.max())
        ood_score = float(exponentials[-1] / exponentials.sum())
        known = exponentials[:-1] / max(exponentials[:-1].sum(), 1e-300)
        order = np.argsort(-known, kind="stable")
        scores = tuple(CategoryScore(CATEGORIES[index], float(known[index])) for index in order)
        prediction_set = _smallest_set(scores, self._accept_threshold)

        if ood_score > self._reject_threshold:
            reason = f"resembles no known category (score {ood_score:.2f}, limit {self._reject_threshold:.2f})"
            return Classification("rejected", None, reason, (), scores, ood_score, self.model)
        if len(prediction_set) == 1:
            reason = f"{scores[0].category} with probability {scores[0].probability:.2f}"
            return Classification("accepted", scores[0].category, reason, prediction_set, scores, ood_score, self.model)
        if len(prediction_set) <= LARGEST_SET:
            reason = f"not sure between {' and '.join(prediction_set)}: the modules of both run"
            return Classification("ambiguous", None, reason, prediction_set, scores, ood_score, self.model)
        reason = f"not sure between {len(prediction_set)} categories"
        return Classification("rejected", None, reason, (), scores, ood_score, self.model)


def _threshold(folder: Path, card: Card, name: str) -> float:
    value = card.metrics.get(name)
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
