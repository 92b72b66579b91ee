"""How good the router's bundle is on pictures with labels: the int8 network as it runs on the device."""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES
from edge_app.classifier import Classifier
from models.bundle import Bundle, read_card
from models.preprocessing import network_input
from models.router_statistics import Head, RouterStatistics
from tools.evaluation.calibration import expected_calibration_error, softmax
from tools.evaluation.confusion import confusion, interval, macro_f1, recall
from tools.evaluation.router_answers import LABELS, Answers, Image, Network, ask, decisions
from tools.evaluation.router_curves import changed, curves
from tools.evaluation.router_report import write_report
from tools.evaluation.selective import auroc
from tools.training.bundle_writer import update_card
from tools.training.dataset import DEFAULT_ROOT, read_rows


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


def speed(bundle: Bundle, path: Path, beside: Path | None, repeats: int = 200) -> dict[str, float]:
    """Median times in ms on one thread of this machine: a picture with preprocessing, the network alone, and another.

    Args:
        bundle: The router's.
        path: Its ``model.tflite``.
        beside: Another int8 ``.tflite`` that is run in turn with it, as a measure of the machine; None: none.
        repeats: Runs of each.
    """
    image = np.full((bundle.card.input.height, bundle.card.input.width, 3), 90, np.uint8)
    runs: dict[str, Callable[[], object]] = {"median_ms": lambda: bundle.infer(image), "invoke_ms": _invoke(path)}
    if beside is not None:
        runs["beside_invoke_ms"] = _invoke(beside)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    medians = {name: round(float(np.median(seconds)) * 1000, 3) for name, seconds in times.items()}
    return {**medians, "bytes": path.stat().st_size}


def _invoke(path: Path) -> Callable[[], object]:
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter.invoke  # type: ignore[no-any-return]


def main(arguments: list[str]) -> None:
    """``tools/evaluate router``."""
    parser = argparse.ArgumentParser(prog="evaluate router", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("models/router"))
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="folder with <category>/<set>/labels.csv")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--external", action="store_true", help="the external rows too; do this once per finished rule")
    parser.add_argument("--float", type=Path, dest="float_file", help="float.tflite of the training's --out folder")
    parser.add_argument("--beside", type=Path, help="a .tflite whose time is measured in the same run")
    parser.add_argument("--out", type=Path, help="folder for REPORT.md and its pictures; else the bundle's")
    parser.add_argument("--json", type=Path, help="write the report there; else report.json beside REPORT.md")
    parser.add_argument("--write-card", action="store_true", help="put the figures on the bundle's card")
    options = parser.parse_args(arguments)

    cv2.setNumThreads(1)
    bundle = Bundle(options.bundle)
    classifiers = {head: Classifier(options.bundle, head=head) for head in get_args(Head)}
    networks = [int8_network(bundle, classifier.statistics) for classifier in classifiers.values()]
    if options.float_file:
        networks.append(float_network(options.float_file, bundle.card.temperature))
    rows = read_rows(options.data)
    report: dict[str, Any] = {"model": {"name": bundle.card.name, "sha256": bundle.card.sha256}}
    for split in (options.split, *(("external",) if options.external else ())):
        of_split = [row for row in rows if row.split == split]
        if not of_split:
            parser.error(f"{options.data} has no row of the split {split}")
        answers = ask(networks, of_split)
        report[split] = describe(answers[0], classifiers["softmax"])
        report[split]["heads"] = {
            head: compare(one, classifier)
            for one, (head, classifier) in zip(answers, classifiers.items(), strict=False)
        }
        report[split]["curves"] = curves(dict(zip(classifiers, answers, strict=False)), classifiers)
        if split == options.split:
            report["int8"] = speed(bundle, options.bundle / "model.tflite", options.beside)
            if options.float_file:
                report["int8"] |= quantisation_loss(answers[0], answers[-1])
            report["changed"] = changed(networks[0], of_split, classifiers["softmax"])
    report["held_out"] = bundle.card.metrics.get("held_out", {})
    out = options.out or options.bundle
    write_report(report, options.split, out)
    text = json.dumps(report, indent=1)
    print(text)
    (options.json or out / "report.json").write_text(text + "\n")
    if options.write_card:
        for split in (options.split, *(("external",) if options.external else ())):
            _write_card(options.bundle, report, split)


def _write_card(folder: Path, report: dict[str, Any], split: str) -> None:
    card = read_card(folder)
    names = ("pictures", "groups", "macro_f1", "macro_f1_interval", "calibration_error", "recall", "recall_by_set")
    figures = {key: report[split][key] for key in (*names, "decisions", "heads") if key in report[split]}
    if split == "external":
        update_card(folder, metrics={**card.metrics, split: figures})
        return
    metrics = {**card.metrics, split: figures, "changed": report["changed"]}
    update_card(folder, metrics=metrics, int8={**card.int8, **report["int8"]})
