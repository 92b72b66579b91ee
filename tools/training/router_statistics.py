"""Fit what the router knows beside its network: temperature, distance, both heads, prediction sets, thresholds.

Nothing here changes the network, and nothing here sees the test or external split: support vector machine and distance
come from the training split, everything else from the validation split.
"""

import argparse
import hashlib
import io
from pathlib import Path
from typing import Any, Final, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES
from edge_app.classifier import Classifier
from models.bundle import Bundle, Card, Prediction
from models.router_statistics import FILE_NAME, Head, RouterStatistics, read_statistics
from tools.evaluation.calibration import fit_sigmoid, fit_temperature, softmax
from tools.training.bundle_writer import update_card
from tools.training.dataset import DEFAULT_ROOT, Row, read_rows
from tools.training.router_batches import LABELS
from tools.training.router_samples import Samples, sample

COVERAGE: Final = 0.98
"""More than what the fewest validation pictures of a category (72, nerve) can vouch for would rule nothing out."""
KNOWN_ACCEPTED: Final = 0.925
"""Share of the validation pictures of the categories, a third of them randomised, that the reject threshold lets by: as
few as let by every frame of two echoes from a scanner that is in no set (SonoSite, of pydicom-data)."""
DIMENSIONS: Final = 96
NEIGHBOURS_KEPT: Final = 2000
"""Training pictures that distances are measured to, the same number of each category."""
SVM_COST: Final = 1e-4
"""Of 1e-4 and 1e-3 the one with the higher accuracy on randomised validation pictures."""

NEVER_LEARNED: Final = -1e3
"""Margin of a category that the training had no picture of."""
ALWAYS_RULED_OUT: Final = 1000
"""So many nonconformities below all that can be keep such a category out of every prediction set up to 0.998."""


def fit_statistics(folder: Path, rows: list[Row], seed: int) -> Card:
    """Write ``statistics.npz`` of a router's bundle, and temperature and thresholds onto its card."""
    cv2.setNumThreads(1)
    bundle = Bundle(folder)
    train, validation = (
        sample(bundle, [row for row in rows if row.split == split], seed) for split in ("train", "val")
    )
    temperature = fit_temperature(validation.logits, validation.labels)
    arrays = {**fit_distance(train, seed), **fit_svm(train, validation)}
    for head in get_args(Head):
        arrays |= {f"{head}_{name}": np.zeros(2) for name in ("ood", "known_odds", "known_energies")}
        arrays |= {f"{head}_nonconformity_{index}": np.zeros(1) for index in range(len(CATEGORIES))}
    arrays["known_distances"] = np.zeros(1)
    metrics: dict[str, Any] = {"coverage": COVERAGE}
    _write(folder, arrays, temperature=temperature)
    for head in get_args(Head):  # each from what was written before, exactly as the device reads it
        statistics = read_statistics(Bundle(folder), head)
        arrays |= fit_known(statistics, _predictions(validation, temperature), validation.labels)
        _write(folder, arrays)
        statistics = read_statistics(Bundle(folder), head)
        slope_offset, threshold = fit_ood(statistics, _predictions(validation, temperature), validation.labels)
        arrays[f"{head}_ood"] = slope_offset
        metrics[head] = {"reject_threshold": threshold}
        _write(folder, arrays)
    return update_card(folder, metrics={**bundle.card.metrics, **metrics})


def fit_distance(train: Samples, seed: int) -> dict[str, NDArray[Any]]:
    """Principal directions of the known training pictures, and some of these pictures in them."""
    known = train.labels < len(CATEGORIES)
    features, labels = train.features[known], train.labels[known]
    centre = features.mean(axis=0)
    covariance = np.cov(features - centre, rowvar=False)
    _, vectors = np.linalg.eigh(covariance)  # ascending
    components = vectors[:, : -DIMENSIONS - 1 : -1].astype(np.float16).astype(np.float32)
    rng = np.random.default_rng([seed, 6])
    share = NEIGHBOURS_KEPT // len(CATEGORIES)
    kept = [rng.permutation(np.flatnonzero(labels == category))[:share] for category in range(len(CATEGORIES))]
    neighbours = (features[np.concatenate(kept)] - centre) @ components
    return {
        "centre": centre.astype(np.float32),
        "components": components.astype(np.float16),
        "neighbours": neighbours.astype(np.float16),
    }


def fit_svm(train: Samples, validation: Samples) -> dict[str, NDArray[Any]]:
    """One machine for each label against the rest, and the sigmoid that makes its margin a probability.

    Source: J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999; here fitted on the validation split.
    """
    from sklearn.svm import LinearSVC

    mean, deviation = train.features.mean(axis=0), train.features.std(axis=0) + 1e-3
    machine = LinearSVC(C=SVM_COST, dual=False, class_weight="balanced", tol=1e-3)
    machine.fit((train.features - mean) / deviation, train.labels)
    weights = np.zeros((len(LABELS), train.features.shape[1]))
    weights[machine.classes_] = machine.coef_ / deviation
    biases = np.full(len(LABELS), NEVER_LEARNED)
    biases[machine.classes_] = machine.intercept_ - weights[machine.classes_] @ mean
    margins = validation.features @ weights.T + biases
    sigmoids = np.ones((len(LABELS), 2), np.float32)
    for label in np.intersect1d(machine.classes_, validation.labels):
        sigmoids[label] = fit_sigmoid(margins[:, label], validation.labels == label)
    return {
        "svm_weights": weights.astype(np.float32),
        "svm_biases": biases.astype(np.float32),
        "svm_sigmoid_slopes": sigmoids[:, 0],
        "svm_sigmoid_offsets": sigmoids[:, 1],
    }


def fit_known(
    statistics: RouterStatistics, predictions: list[Prediction], labels: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """What the head and the distance say of known validation pictures, in ascending order."""
    known = [
        (prediction, label) for prediction, label in zip(predictions, labels, strict=True) if label < len(CATEGORIES)
    ]
    logits = np.stack([statistics.logits(prediction) for prediction, _ in known])
    true = np.array([label for _, label in known])
    improbable = -np.log(softmax(logits[:, :-1])[np.arange(len(true)), true])
    energies = -np.logaddexp.reduce(logits[:, :-1], axis=1)
    head = statistics.head
    return {
        "known_distances": np.sort([statistics.distance(prediction) for prediction, _ in known]).astype(np.float32),
        f"{head}_known_odds": np.sort(logits[:, -1] + energies).astype(np.float32),
        f"{head}_known_energies": np.sort(energies).astype(np.float32),
        **{
            f"{head}_nonconformity_{category}": np.sort(improbable[true == category]).astype(np.float32)
            if (true == category).any()
            else np.full(ALWAYS_RULED_OUT, -1, np.float32)
            for category in range(len(CATEGORIES))
        },
    }


def fit_ood(
    statistics: RouterStatistics, predictions: list[Prediction], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], float]:
    """The sigmoid that makes strangeness a probability, and the threshold on it that lets known pictures by."""
    strange = np.array([statistics.strangeness(statistics.logits(p), statistics.distance(p)) for p in predictions])
    unknown = labels == len(CATEGORIES)
    slope, offset = fit_sigmoid(strange, unknown, balanced=True)
    at = float(np.quantile(strange[~unknown], KNOWN_ACCEPTED))
    threshold = 1 / (1 + np.exp(-(slope * at + offset)))
    return np.array([slope, offset], np.float32), float(np.ceil(threshold * 1e6) / 1e6)


def _predictions(samples: Samples, temperature: float) -> list[Prediction]:
    scaled = (samples.logits / temperature).astype(np.float32)
    return [Prediction(LABELS, logits, features) for logits, features in zip(scaled, samples.features, strict=True)]


def _write(folder: Path, arrays: dict[str, NDArray[Any]], **card: Any) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    (folder / FILE_NAME).write_bytes(buffer.getvalue())
    update_card(folder, files={FILE_NAME: hashlib.sha256(buffer.getvalue()).hexdigest()}, **card)


def main() -> None:
    """``tools/fit_router``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="folder with <category>/<set>/labels.csv")
    parser.add_argument("--bundle", type=Path, default=Path("models/router"))
    parser.add_argument("--seed", type=int, default=20)
    options = parser.parse_args()
    card = fit_statistics(options.bundle, read_rows(options.data), options.seed)
    Classifier(options.bundle)  # it is one that the device can use
    print({head: card.metrics[head] for head in get_args(Head)}, card.temperature)
