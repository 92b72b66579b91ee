"""How good the router's bundle is on pictures with labels: the int8 network as it runs on the device."""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES
from edge_app.classifier import Classifier
from models.bundle import Bundle
from models.preprocessing import network_input
from models.router_statistics import Head, RouterStatistics
from tools.evaluation.calibration import expected_calibration_error, softmax
from tools.evaluation.confusion import confusion, interval, macro_f1, recall
from tools.training.bundle_writer import update_card
from tools.training.dataset import DEFAULT_ROOT, REJECT, Row, read_pictures, read_rows

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


def ask(networks: list[Network], rows: Iterable[Row], frames_per_clip: int = FRAMES_PER_CLIP) -> list[Answers]:
    """Run networks on the same pictures; of clips, on evenly spread frames."""
    answers: list[list[tuple[NDArray[Any], float]]] = [[] for _ in networks]
    labels, sets, groups = [], [], []
    for row in rows:
        for image in read_pictures(row, frames_per_clip, colour=True):
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


def int8_network(bundle: Bundle, statistics: RouterStatistics) -> Network:
    """The bundle as the device runs it, with one of its heads."""

    def run(image: Image) -> tuple[NDArray[np.float64], float]:
        prediction = bundle.infer(image)
        return statistics.logits(prediction), statistics.distance(prediction)

    return run


def float_network(path: Path, temperature: float) -> Network:
    """The float network before quantisation, a ``.tflite`` that training leaves beside its checkpoint."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    given, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, channels = given["shape"]

    def run(image: Image) -> tuple[NDArray[np.float32], float]:
        quantised = network_input(image, int(height), int(width), "gray" if channels == 1 else "rgb")
        interpreter.set_tensor(given["index"], quantised.astype(np.float32) / 128)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(answer["index"])[0], np.float32) / np.float32(temperature), float(
            "nan"
        )

    return run


def describe(answers: Answers, classifier: Classifier) -> dict[str, Any]:
    """Macro-F1, recall by category and set with 95 % intervals, confusion, and the decisions at the thresholds."""
    true, predicted = answers.labels, answers.predicted
    counts = confusion(true, predicted, len(LABELS))
    report: dict[str, Any] = {"pictures": len(true), "groups": len(np.unique(answers.groups))}
    if (true < len(CATEGORIES)).any():
        report["macro_f1"] = round(float(macro_f1(counts, len(CATEGORIES))), 4)
        report["macro_f1_interval"] = _rounded(
            interval(true, predicted, answers.groups, len(LABELS), lambda c: macro_f1(c, len(CATEGORIES)))
        )
    report["calibration_error"] = round(expected_calibration_error(answers.logits, true), 4)
    report["recall"] = {LABELS[i]: _recall(answers, true == i) for i in range(len(LABELS)) if (true == i).any()}
    report["recall_by_set"] = {str(name): _recall(answers, answers.sets == name) for name in np.unique(answers.sets)}
    report["decisions"] = decisions(answers, classifier)
    report["decisions_by_set"] = {
        str(name): decisions(answers.only(answers.sets == name), classifier) for name in np.unique(answers.sets)
    }
    report["confusion"] = {
        LABELS[i]: {LABELS[j]: int(counts[i, j]) for j in range(len(LABELS)) if counts[i, j]} for i in np.unique(true)
    }
    return report


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


def compare(answers: Answers, classifier: Classifier) -> dict[str, Any]:
    """One head in short: macro-F1, decisions, prediction sets by category, and how well it tells the unknown."""
    known = answers.labels < len(CATEGORIES)
    strange = np.array(
        [
            classifier.statistics.ood_score(logits, float(distance))
            for logits, distance in zip(answers.logits, answers.distances, strict=True)
        ]
    )
    report: dict[str, Any] = {
        "calibration_error": round(expected_calibration_error(answers.logits, answers.labels), 4),
        "decisions": decisions(answers, classifier),
    }
    if known.any():
        counts = confusion(answers.labels, answers.predicted, len(LABELS))
        report["macro_f1"] = round(float(macro_f1(counts, len(CATEGORIES))), 4)
        report["prediction_sets"] = prediction_sets(answers.only(known), classifier)
        report["ood_auroc_by_set"] = {
            str(name): round(auroc(strange[known], strange[answers.sets == name]), 4)
            for name in np.unique(answers.sets[~known])
        }
    return report


def prediction_sets(answers: Answers, classifier: Classifier) -> dict[str, Any]:
    """Share of each category's pictures whose set holds it, and how many categories a set has, before any refusal."""
    probabilities = softmax(answers.logits[:, :-1])
    sets = [classifier.statistics.prediction_set(one, classifier.coverage) for one in probabilities]
    holds = np.array([label in one for label, one in zip(answers.labels, sets, strict=True)])
    sizes = np.array([len(one) for one in sets])
    return {
        "stated": classifier.coverage,
        "mean_size": round(float(sizes.mean()), 4),
        "coverage": {
            CATEGORIES[label]: {
                "value": round(float(holds[answers.labels == label].mean()), 4),
                "mean_size": round(float(sizes[answers.labels == label].mean()), 4),
            }
            for label in np.unique(answers.labels)
        },
    }


def auroc(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> float:
    """The probability that a picture of the unknown has the higher score; equal scores count half."""
    ascending = np.sort(known)
    below = np.searchsorted(ascending, unknown, side="left") + np.searchsorted(ascending, unknown, side="right")
    return float(below.mean() / (2 * len(known)))


def _recall(answers: Answers, which: NDArray[np.bool_]) -> dict[str, Any]:
    part = answers.only(which)
    label = int(part.labels[0])
    low, high = interval(
        part.labels, part.predicted, part.groups, len(LABELS), lambda counts: recall(counts)[..., label]
    )
    value = float((part.labels == part.predicted).mean())
    return {"value": round(value, 4), "interval": _rounded((low, high)), "pictures": int(which.sum())}


def _rounded(bounds: tuple[float, float]) -> list[float]:
    return [round(bound, 4) for bound in bounds]


def quantisation_loss(int8: Answers, floating: Answers) -> dict[str, float]:
    """What full int8 costs against the float network: macro-F1, changed answers, size of the change."""
    f1 = [float(macro_f1(confusion(a.labels, a.predicted, len(LABELS)), len(CATEGORIES))) for a in (floating, int8)]
    return {
        "float_macro_f1": round(f1[0], 4),
        "macro_f1_drop": round(f1[0] - f1[1], 4),
        "flip_rate": round(float((int8.predicted != floating.predicted).mean()), 4),
        "logit_difference_median": round(float(np.median(np.abs(int8.logits - floating.logits))), 4),
    }


def median_ms(bundle: Bundle, repeats: int = 200) -> float:
    """Median time of one picture at the network's size, preprocessing included, one thread, this machine."""
    image = np.full((bundle.card.input.height, bundle.card.input.width, 3), 90, np.uint8)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        bundle.infer(image)
        times.append(time.perf_counter() - start)
    return round(float(np.median(times)) * 1000, 3)


def main(arguments: list[str]) -> None:
    """``tools/evaluate router``."""
    parser = argparse.ArgumentParser(prog="evaluate router", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("models/router"))
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--split", choices=("val", "test", "external"), default="test")
    parser.add_argument("--float", type=Path, dest="float_file", help="float.tflite of the training's --out folder")
    parser.add_argument("--json", type=Path, help="write the whole report there")
    parser.add_argument("--write-card", action="store_true", help="put the figures on the bundle's card")
    options = parser.parse_args(arguments)

    cv2.setNumThreads(1)
    bundle = Bundle(options.bundle)
    classifiers = {head: Classifier(options.bundle, head=head) for head in get_args(Head)}
    networks = [int8_network(bundle, classifier.statistics) for classifier in classifiers.values()]
    if options.float_file:
        networks.append(float_network(options.float_file, bundle.card.temperature))
    rows = [row for row in read_rows(options.data) if row.split == options.split]
    answers = ask(networks, rows)
    report = {"split": options.split, **describe(answers[0], classifiers["softmax"])}
    report["heads"] = {
        head: compare(one, classifier) for one, (head, classifier) in zip(answers, classifiers.items(), strict=False)
    }
    int8: dict[str, Any] = {"median_ms": median_ms(bundle), "bytes": (options.bundle / "model.tflite").stat().st_size}
    if options.float_file:
        int8 |= quantisation_loss(answers[0], answers[-1])
    report["int8"] = int8
    text = json.dumps(report, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    if options.write_card:
        _write_card(options.bundle, bundle, report, options.split)


def _write_card(folder: Path, bundle: Bundle, report: dict[str, Any], split: str) -> None:
    figures = {key: report[key] for key in ("pictures", "groups", "macro_f1", "macro_f1_interval", "calibration_error")}
    figures |= {key: report[key] for key in ("recall", "recall_by_set", "decisions", "heads")}
    metrics = {**bundle.card.metrics, split: figures}
    update_card(
        folder, metrics=metrics, int8={**bundle.card.int8, **report["int8"]} if split == "test" else bundle.card.int8
    )
