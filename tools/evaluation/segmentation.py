"""How good a segmentation bundle is: the int8 network and the CAD modules as they run on the device, against masks."""

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import AnalysisContext, CadModule
from cad_modules.geometry import HALF, region_mask
from cad_modules.runtime import run_module
from models.bundle import BUILT_IN_BUNDLES, Bundle, Prediction
from models.preprocessing import network_input
from tools.training.bundle_writer import update_card
from tools.training.dataset import DEFAULT_ROOT, Row, read_image, read_rows
from tools.training.segmentation_augment import augmented
from tools.training.segmentation_data import label_mask, read_sample
from tools.training.segmentation_metrics import dice, grouped_mean
from tools.training.segmentation_settings import SETTINGS, SegmentationSettings, settings_of

WORST_COUNT: Final = 3
TIMED_RUNS: Final = 50
CHANGED_COPIES: Final = 4
CHANGES_SEED: Final = 88


@dataclass(frozen=True, slots=True)
class Measurement:
    """A module's feature whose error is reported."""

    module: str
    feature: str
    reference: str = ""
    """Column of the set's ``extra`` with the true value; empty: the module's own answer for the true masks."""


MEASUREMENTS: Final[dict[str, tuple[Measurement, ...]]] = {
    "chest_segmentation": (
        Measurement("cardiothoracic_ratio", "cardiothoracic_ratio"),
        Measurement("lung_fields", "lung_area_right"),
        Measurement("lung_fields", "lung_area_left"),
    ),
    "fetal_head_segmentation": (Measurement("fetal_head", "head_circumference", "hc_mm"),),
    "left_ventricle_segmentation": (
        Measurement("left_ventricle", "lv_area"),
        Measurement("left_ventricle", "lv_length"),
        Measurement("left_ventricle", "lv_volume"),
    ),
    "breast_segmentation": (Measurement("breast_lesion", "lesion_area"), Measurement("breast_lesion", "lesion_aspect")),
    "nerve_segmentation": (
        Measurement("nerve_vessel", "nerve_area"),
        Measurement("nerve_vessel", "vessel_area"),
        Measurement("nerve_vessel", "nerve_vessel_distance"),
    ),
    "liver_segmentation": (Measurement("liver_mass", "mass_area"),),
}
"""Bundle -> what is measured with it."""


@dataclass(frozen=True, slots=True)
class Case:
    """What came out for one picture."""

    file: str
    group: str
    dice: dict[str, float]
    """Label that is in the picture -> overlap of its regions with the true mask, at the picture's size."""
    invented: dict[str, float]
    """Label that is not in the picture -> 1 if the network outlines it all the same, else 0."""
    measured: dict[str, tuple[float | None, float | None]]
    """Feature -> measured and true value; None where the module found the picture unsuitable."""


def evaluate_case(bundle: Bundle, row: Row, settings: SegmentationSettings) -> Case:
    """Run the network and its modules on one labelled picture."""
    image = read_image(row.path)
    prediction = bundle.infer(image)
    known = [label for label in bundle.card.labels if settings.knows(label, row.extra.get("mask_values", {}))]
    true = {label: label_mask(row, label, settings) for label in known}
    found = {label: found_mask(prediction, label, image.shape, settings) for label in known}
    overlap = {label: dice(found[label], mask) for label, mask in true.items() if mask.any()}
    invented = {label: float(found[label].any()) for label, mask in true.items() if not mask.any()}
    measured: dict[str, tuple[float | None, float | None]] = {}
    for item in MEASUREMENTS[bundle.card.name]:
        module: CadModule = importlib.import_module(f"cad_modules.{item.module}").MODULE
        found = _feature(module, item.feature, image, row, prediction)
        reference: float | None
        if item.reference:
            reference = float(row.extra[item.reference])
        elif len(known) == len(bundle.card.labels):
            drawn = Prediction(bundle.card.labels, np.stack([true[label] for label in known], -1).astype(np.float32))
            reference = _feature(module, item.feature, image, row, drawn)
        else:
            continue
        measured[item.feature] = (found, reference)
    return Case(row.path.name, row.group, overlap, invented, measured)


def found_mask(
    prediction: Prediction, label: str, shape: tuple[int, ...], settings: SegmentationSettings
) -> NDArray[np.bool_]:
    """What the network outlines: every region of a label that may be in several places, else the largest one."""
    height, width = shape[:2]
    probability = prediction.channel(label)
    if label not in settings.in_several_places:
        return region_mask(probability, height, width)
    return cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR) >= HALF


def _feature(
    module: CadModule, feature: str, image: NDArray[np.uint8], row: Row, prediction: Prediction
) -> float | None:
    context = AnalysisContext(row.category, lambda _: prediction, row.mm_per_pixel)
    result = run_module(module, image, context)
    return next((finding.value for finding in result.findings.findings if finding.feature == feature), None)


def summarise(cases: list[Case]) -> dict[str, Any]:
    """Means with 95 % intervals by group, and the worst cases, as they go onto the card."""
    report: dict[str, Any] = {"pictures": len(cases), "groups": len({case.group for case in cases})}
    for label in sorted({label for case in cases for label in case.dice}):
        there = [case for case in cases if label in case.dice]
        report[f"dice_{label}"] = _with_interval(there, lambda case, label=label: case.dice[label], highest_worst=False)  # type: ignore[misc]
    for label in sorted({label for case in cases for label in case.invented}):
        absent = [case for case in cases if label in case.invented]
        mean = grouped_mean([case.invented[label] for case in absent], [case.group for case in absent])
        report[f"invented_{label}"] = {
            "pictures_without": len(absent),
            "fraction": _rounded(mean.value),
            "interval": [_rounded(mean.low), _rounded(mean.high)],
        }
    for feature in sorted({feature for case in cases for feature in case.measured}):
        both = [case for case in cases if None not in case.measured.get(feature, (None,))]
        errors = {case.file: case.measured[feature][0] - case.measured[feature][1] for case in both}  # type: ignore[operator]
        entry: dict[str, Any] = {"unsuitable": len(cases) - len(both)}
        if both:
            entry |= _with_interval(both, lambda case, of=errors: abs(of[case.file]), highest_worst=True)  # type: ignore[misc]
            spread = 1.96 * statistics.pstdev(errors.values())
            bias = statistics.fmean(errors.values())
            entry |= {"bias": _rounded(bias), "limits_of_agreement": [_rounded(bias - spread), _rounded(bias + spread)]}
        report[f"{feature}_absolute_error"] = entry
    return report


def _with_interval(cases: list[Case], value: Callable[[Case], float], *, highest_worst: bool) -> dict[str, Any]:
    mean = grouped_mean([value(case) for case in cases], [case.group for case in cases])
    worst = sorted(cases, key=value, reverse=highest_worst)[:WORST_COUNT]
    return {
        "mean": _rounded(mean.value),
        "interval": [_rounded(mean.low), _rounded(mean.high)],
        "worst": [_rounded(value(case)) for case in worst],
        "worst_files": [case.file for case in worst],
    }


def _rounded(value: float) -> float:
    return round(value, 4)


def changed_dice(bundle: Bundle, rows: list[Row], settings: SegmentationSettings) -> dict[str, Any]:
    """Dice on strongly changed copies of the pictures, made as in training but from a seed of their own.

    A stand-in for other scanners, hospitals and cables: the pictures are known, the changes are not.
    """
    rng = np.random.default_rng(CHANGES_SEED)
    overlap: dict[str, list[float]] = {label: [] for label in settings.labels}
    groups: dict[str, list[str]] = {label: [] for label in settings.labels}
    for row in rows:
        sample = read_sample(row, settings)
        for _ in range(CHANGED_COPIES):
            image, true = augmented(sample.image, sample.masks, settings.size, settings.augmentation, rng)
            prediction = bundle.infer(image)
            for k, label in enumerate(settings.labels):
                mask = true[..., k] > 127
                if mask.any():
                    overlap[label].append(dice(found_mask(prediction, label, mask.shape, settings), mask))
                    groups[label].append(row.group)
    means = {label: grouped_mean(values, groups[label]) for label, values in overlap.items()}
    return {
        f"dice_{label}": {"mean": _rounded(mean.value), "interval": [_rounded(mean.low), _rounded(mean.high)]}
        for label, mean in means.items()
    }


def invoke_ms(bundle: Bundle) -> float:
    """Median time of one picture from a 512 x 512 gray picture to probabilities, one thread, this machine."""
    spec = bundle.card.input
    image = np.random.default_rng(0).integers(0, 256, (2 * spec.height, 2 * spec.width), np.uint8)
    network_input(image, spec.height, spec.width, spec.colour)
    times = []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        bundle.infer(image)
        times.append(time.perf_counter() - started)
    return round(statistics.median(times) * 1000, 2)


def main(arguments: list[str]) -> None:
    """``tools/evaluate segmentation``."""
    parser = argparse.ArgumentParser(prog="evaluate segmentation", description=__doc__)
    parser.add_argument("name", choices=[settings.name for settings in SETTINGS])
    parser.add_argument("--bundles", type=Path, default=BUILT_IN_BUNDLES, help="folder of the bundles")
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT)
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--json", type=Path, help="write the report and every case there")
    parser.add_argument("--write-card", action="store_true", help="put the figures on the bundle's card")
    options = parser.parse_args(arguments)

    cv2.setNumThreads(1)
    settings, folder = settings_of(options.name), options.bundles / options.name
    bundle = Bundle(folder)
    rows = [row for row in read_rows(options.data) if row.set_name in settings.sets and row.split == options.split]
    cases = [evaluate_case(bundle, row, settings) for row in rows]
    report = {**summarise(cases), "strongly_changed_copies": changed_dice(bundle, rows, settings)}
    print(json.dumps(report, indent=1))
    if options.json:
        everything = [{"file": c.file, "dice": c.dice, "invented": c.invented, "measured": c.measured} for c in cases]
        options.json.write_text(json.dumps({"report": report, "cases": everything}, indent=1))
    if options.write_card:
        timing = {"picture_ms_x86_64": invoke_ms(bundle), "model_bytes": (folder / "model.tflite").stat().st_size}
        update_card(
            folder,
            metrics={**bundle.card.metrics, options.split: report},
            int8={**bundle.card.int8, **timing},
        )
