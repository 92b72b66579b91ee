"""What the router's features do with what a head never saw: without one set, one category, one kind of refused picture.

The network stays as it is and *has* seen them; only a linear head on its features is fitted again without them, which
takes seconds where training takes hours. So the figures are kinder than leaving them out of the whole training (measure
that with ``tools/train_router --without``); they serve to compare rules and networks. The test and external splits are
not touched.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES
from models.bundle import Bundle
from tools.evaluation.calibration import fit_temperature, softmax
from tools.evaluation.selective import auroc
from tools.training.bundle_writer import update_card
from tools.training.dataset import DEFAULT_ROOT, REJECT, Row, read_pictures, read_rows

LABELS: Final = (*CATEGORIES, REJECT)
FRAMES_PER_CLIP: Final = 6
KNOWN_ACCEPTED: Final = 0.975
"""Share of the validation pictures of the head's own categories that its threshold lets by."""
SHRINKAGE: Final = 0.1
"""How far the covariance is drawn towards a multiple of the unit matrix."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """A network's features of labelled pictures."""

    values: NDArray[np.float32]
    """Shape (pictures, features)."""
    labels: NDArray[np.int64]
    sets: NDArray[np.str_]
    kinds: NDArray[np.str_]
    """Of refused pictures the kind (CT of the head, photograph ...), of lungs the probe; else the set."""
    splits: NDArray[np.str_]


def collect(bundle: Bundle, rows: Iterable[Row]) -> Features:
    """Features of the train and validation pictures as they are."""
    values, labels, sets, kinds, splits = [], [], [], [], []
    for row in rows:
        if row.split not in ("train", "val"):
            continue
        for image in read_pictures(row, FRAMES_PER_CLIP, colour=True):
            features = bundle.infer(image).features
            assert features is not None
            values.append(features)
            labels.append(LABELS.index(row.category))
            sets.append(row.set_name)
            kinds.append(str(row.extra.get("probe") or row.extra.get("kind") or row.set_name))
            splits.append(row.split)
    return Features(np.stack(values), np.array(labels), np.array(sets), np.array(kinds), np.array(splits))


def without_set(features: Features, held: NDArray[np.bool_], label: int) -> dict[str, Any]:
    """A head fitted without these pictures of a category, tested on them: right, wrong or refused."""
    logits, threshold, tested = _refit(features, held)
    known, strange = logits[:, :-1].argmax(axis=1), _strangeness(logits)
    accepted = strange <= threshold
    right = known == label
    return {
        "pictures": int(tested.sum()),
        "recall": round(float(right[tested].mean()), 4),
        "accepted_right": round(float((accepted & right)[tested].mean()), 4),
        "accepted_wrong": round(float((accepted & ~right)[tested].mean()), 4),
    }


def without_unknown(features: Features, held: NDArray[np.bool_]) -> dict[str, Any]:
    """A head fitted without these pictures, for which the right answer is then to refuse them."""
    logits, threshold, tested = _refit(features, held)
    strange = _strangeness(logits)
    known = (features.splits == "val") & (features.labels < len(CATEGORIES)) & ~held
    return {
        "pictures": int(tested.sum()),
        "refused": round(float((strange[tested] > threshold).mean()), 4),
        "auroc": round(auroc(strange[known], strange[tested]), 4),
    }


def _refit(features: Features, held: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float, NDArray[np.bool_]]:
    """Logits of all pictures by a head fitted without the held ones, its threshold, and which pictures test it."""
    fitted_on = (features.splits == "train") & ~held
    logits = discriminant(features.values, features.values[fitted_on], features.labels[fitted_on])
    known = (features.splits == "val") & (features.labels < len(CATEGORIES)) & ~held
    logits /= fit_temperature(logits[known], features.labels[known])
    threshold = float(np.quantile(_strangeness(logits)[known], KNOWN_ACCEPTED))
    return logits, threshold, held


def discriminant(
    values: NDArray[np.float32], fitted_on: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Logits of a linear discriminant: one mean for each label, one covariance for all, equally frequent labels.

    Args:
        values: Features to judge, shape (pictures, features).
        fitted_on: Features to fit on, shape (others, features).
        labels: Their labels, shape (others,).

    Returns:
        Shape (pictures, labels); very low for labels that are not fitted.

    Source: Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2nd ed., 2009, section 4.3.1.
    """
    present = np.unique(labels)
    means = np.stack([fitted_on[labels == label].mean(axis=0) for label in present]).astype(np.float64)
    inner = fitted_on - means[np.searchsorted(present, labels)]
    covariance = inner.T @ inner / len(inner)
    size = len(covariance)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.trace(covariance) / size * np.eye(size)
    weights = np.linalg.solve(covariance, means.T)
    logits = np.full((len(values), len(LABELS)), -1e3)
    logits[:, present] = values @ weights - 0.5 * (means * weights.T).sum(axis=1)
    return logits


def _strangeness(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - the highest probability of a category, with "reject" among the labels."""
    return np.asarray(1 - softmax(logits)[:, :-1].max(axis=1))


def evaluate(features: Features) -> dict[str, Any]:
    """Leave out each set of categories with several, each category, and each kind of refused pictures."""
    report: dict[str, Any] = {"without_source": {}, "without_category": {}, "without_kind": {}}
    for label, category in enumerate(CATEGORIES):
        of_category = features.labels == label
        if not of_category.any():
            continue
        parts = features.sets if len(np.unique(features.sets[of_category])) > 1 else features.kinds
        names = np.unique(parts[of_category])
        for name in names if len(names) > 1 else ():
            report["without_source"][f"{category}: {name}"] = without_set(
                features, of_category & (parts == name), label
            )
        report["without_category"][category] = without_unknown(features, of_category)
    refused = features.labels == len(CATEGORIES)
    for kind in np.unique(features.kinds[refused]):
        report["without_kind"][str(kind)] = without_unknown(features, refused & (features.kinds == kind))
    return report


def main(arguments: list[str]) -> None:
    """``tools/evaluate held_out``."""
    parser = argparse.ArgumentParser(prog="evaluate held_out", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("models/router"))
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--json", type=Path, help="write the report there")
    parser.add_argument("--write-card", action="store_true", help="put the figures on the bundle's card")
    options = parser.parse_args(arguments)
    bundle = Bundle(options.bundle)
    report = evaluate(collect(bundle, read_rows(options.data)))
    text = json.dumps(report, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    if options.write_card:
        update_card(options.bundle, metrics={**bundle.card.metrics, "held_out": report})
