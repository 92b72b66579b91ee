"""What the router answers to labelled pictures, and how the device decides on these answers."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES
from edge_app.classifier import Classifier
from tools.training.dataset import REJECT, Row, read_pictures

LABELS: Final = (*CATEGORIES, REJECT)
FRAMES_PER_CLIP: Final = 8
Image = NDArray[np.uint8]
Network = Callable[[Image], tuple[NDArray[np.floating[Any]], float]]
"""Picture (gray or BGR) -> the head's calibrated logits, and the distance to the known pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A network's logits for pictures with labels."""

    logits: NDArray[np.float64]
    """Shape (pictures, labels), calibrated."""
    distances: NDArray[np.float64]
    """Shape (pictures,): to the known pictures; nan where a network gives no features."""
    labels: NDArray[np.int64]
    sets: NDArray[np.str_]
    groups: NDArray[np.str_]
    """Set and group: what one bootstrap draw keeps together."""

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Index of the highest logit."""
        return np.asarray(self.logits.argmax(axis=1))

    def only(self, which: NDArray[np.bool_]) -> "Answers":
        """The answers at the true places."""
        return Answers(
            self.logits[which], self.distances[which], self.labels[which], self.sets[which], self.groups[which]
        )


def as_it_is(image: Image) -> Image:
    """The picture, unchanged."""
    return image


def ask(
    networks: list[Network],
    rows: Iterable[Row],
    frames_per_clip: int = FRAMES_PER_CLIP,
    change: Callable[[Image], Image] = as_it_is,
) -> list[Answers]:
    """Run networks on the same pictures, changed first; of clips, on evenly spread frames."""
    answers: list[list[tuple[NDArray[Any], float]]] = [[] for _ in networks]
    labels, sets, groups = [], [], []
    for row in rows:
        for picture in read_pictures(row, frames_per_clip, colour=True):
            image = change(picture)
            for number, network in enumerate(networks):
                answers[number].append(network(image))
            labels.append(LABELS.index(row.category))
            sets.append(row.set_name)
            groups.append(f"{row.set_name}/{row.group}")
    return [
        Answers(
            np.array([logits for logits, _ in one], np.float64),
            np.array([distance for _, distance in one], np.float64),
            np.array(labels),
            np.array(sets),
            np.array(groups),
        )
        for one in answers
    ]


def decisions(answers: Answers, classifier: Classifier) -> dict[str, int]:
    """How the device decides: accepted right and wrong, ambiguous with and without the true category, rejected."""
    result: Counter[str] = Counter()
    for logits, distance, label in zip(answers.logits, answers.distances, answers.labels, strict=True):
        decided = classifier.decide(logits, float(distance))
        if decided.decision == "rejected":
            result["rejected"] += 1
        else:
            right = LABELS[label] in decided.prediction_set
            result[f"{decided.decision}_{'right' if right else 'wrong'}"] += 1
    return dict(sorted(result.items()))
