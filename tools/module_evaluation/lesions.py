"""The modules that find lesions, nerves and vessels, against experts' masks and labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.runtime import ModuleResult
from tools.module_evaluation.learned import Evaluation, Pairs, Runs, dice, drawn, find_module, measure_masks, run, value
from tools.module_evaluation.statistics import agreement, area_under_curve, grouped_interval, score
from tools.training.dataset import Row, read_mask

SPECIFICITY: Final = 0.9
Scored = list[tuple[float, bool, str]]
"""Probability or other number, whether the picture is malignant, its patient or cluster."""


def _group(row: Row) -> str:
    return f"{row.set_name}/{row.group}"


def overlaps(runs: Runs, overlay: str, structure: str) -> dict[str, Any]:
    """Dice on the pictures that have the structure: of those that were measured, and of all with 0 for a refusal.

    Args:
        runs: The module's answers.
        overlay: Label of its outlines.
        structure: Of the masks.
    """
    found, everything, groups, all_groups = [], [], [], []
    for row, result in runs.results:
        if structure not in row.extra.get("mask_values", {}):
            continue
        mask = read_mask(row, structure)
        if not mask.any():
            continue
        overlap = dice(drawn(result, overlay, mask.shape), mask)
        everything.append(overlap)
        all_groups.append(_group(row))
        if result.status == "ok":
            found.append(overlap)
            groups.append(_group(row))
    return {"measured": score(found, groups), "all": score(everything, all_groups)}


def discrimination(scored: Scored) -> dict[str, Any]:
    """How well a number tells malignant from benign, with 95 % intervals over groups."""
    if len({malignant for _, malignant, _ in scored}) < 2:
        return {"pictures": len(scored)}
    groups = [group for _, _, group in scored]
    numbers = np.array([(number, malignant) for number, malignant, _ in scored])
    return {
        "malignant": int(numbers[:, 1].sum()),
        "benign": int((1 - numbers[:, 1]).sum()),
        "auc": auc(numbers),
        "auc_interval": grouped_interval(numbers, groups, auc),
        "sensitivity_at_90_specificity": sensitivity(numbers),
        "sensitivity_interval": grouped_interval(numbers, groups, sensitivity),
    }


def calibration(scored: Scored) -> dict[str, float]:
    """Brier score of probabilities, that of always saying the share of malignant ones, and mean minus that share."""
    probabilities, truth = (np.array(column, float) for column in list(zip(*scored, strict=True))[:2])
    share = float(truth.mean())
    return {
        "brier": round(float(np.mean((probabilities - truth) ** 2)), 4),
        "brier_of_the_share": round(share * (1 - share), 4),
        "mean_minus_share": round(float(probabilities.mean()) - share, 4),
    }


def auc(numbers: NDArray[np.float64]) -> float:
    """Area under the curve of rows (number, 1 or 0); NaN if all are of one kind."""
    higher, lower = numbers[numbers[:, 1] == 1, 0], numbers[numbers[:, 1] == 0, 0]
    return area_under_curve(higher, lower) if len(higher) and len(lower) else float("nan")  # type: ignore[arg-type]


def sensitivity(numbers: NDArray[np.float64]) -> float:
    """Of rows (number, 1 or 0): the share of ones above the limit that 90 % of the zeros do not exceed."""
    higher, lower = numbers[numbers[:, 1] == 1, 0], numbers[numbers[:, 1] == 0, 0]
    if not len(higher) or not len(lower):
        return float("nan")
    limit = np.quantile(lower, SPECIFICITY, method="inverted_cdf")
    return round(float(np.mean(higher > limit)), 4)


def _scored(results: Sequence[tuple[Row, ModuleResult]], feature: str) -> Scored:
    return [
        (number, row.label == "malignant", _group(row))
        for row, result in results
        if row.label in ("benign", "malignant") and (number := value(result, feature)) is not None
    ]


def _of(category: str, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.category == category and row.mask_path and not row.is_clip]


def _against_expert_outlines(
    name: str, runs: Runs, labels: tuple[str, ...], folders: tuple[Path, ...]
) -> dict[str, Any]:
    module = find_module(name, folders)
    pairs = {feature: Pairs() for feature in module.features}
    for row, result in runs.good:
        for feature, true in measure_masks(module, row, *labels).items():
            found = value(result, feature)
            if found is not None and feature in pairs:
                pairs[feature].add(found, true, row)
    report: dict[str, Any] = {}
    for feature, both in pairs.items():
        if both.true:
            report[feature] = agreement(both.found, both.true, both.groups)
        if feature.endswith("_area"):
            ratios = [found / true for found, true in zip(both.found, both.true, strict=True)]
            report[f"{feature} over the expert's"] = agreement(ratios, [1.0] * len(ratios), both.groups)
    return report


def _refused(runs: Runs, label: str) -> dict[str, int]:
    of_label = [result for row, result in runs.results if row.label == label]
    return {"pictures": len(of_label), "measured": sum(result.status == "ok" for result in of_label)}


def _breast_lesion(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    runs = run("breast_lesion", _of("us_breast", rows), folders)
    by_label = {
        f"dice_{label}": overlaps(Runs([pair for pair in runs.results if pair[0].label == label]), "lesion", "lesion")
        for label in ("benign", "malignant")
    }
    covered, groups = [], []
    for row, result in runs.good:
        mask = read_mask(row, "lesion")
        if mask.any():
            low, high = result.findings.findings[0].interval or (0.0, 0.0)
            whole = measure_masks(find_module("breast_lesion", folders), row, "lesion").get("lesion_area")
            if whole is not None:
                covered.append(float(low <= whole <= high))
                groups.append(_group(row))
    return (
        runs.summary()
        | {"dice": overlaps(runs, "lesion", "lesion")}
        | by_label
        | {"normal": _refused(runs, "normal"), "expert_area_inside_the_interval": score(covered, groups)}
        | _against_expert_outlines("breast_lesion", runs, ("lesion",), folders)
    )


def _breast_margin(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    runs = run("breast_margin", _of("us_breast", rows), folders)
    told_apart = {
        f"{feature} tells malignant": discrimination(_scored(runs.good, feature))
        for feature in ("margin_irregularity", "circularity", "posterior_ratio")
    }
    return runs.summary() | told_apart | _against_expert_outlines("breast_margin", runs, ("lesion",), folders)


def _malignancy(name: str, category: str) -> Evaluation:
    def evaluate(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
        runs = run(name, _of(category, rows), folders)
        scored = _scored(runs.good, "malignancy_probability")
        report = runs.summary() | {label: _refused(runs, label) for label in ("benign", "malignant", "normal")}
        return report | {"malignancy": discrimination(scored), "calibration": calibration(scored) if scored else {}}

    return evaluate


def _liver_mass(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    runs = run("liver_mass", _of("us_liver", rows), folders)
    report = _malignancy("liver_mass", "us_liver")(rows, folders)
    pairs = Pairs()
    for row, result in runs.good:
        mask = read_mask(row, "mass") if "mass" in row.extra["mask_values"] else np.zeros((1, 1), np.bool_)
        found = value(result, "mass_area")
        if mask.any() and found is not None:
            pixels = found / (row.mm_per_pixel or 1.0) ** 2
            pairs.add(pixels / float(mask.sum()), 1.0, row)
    return report | {
        "dice_mass": overlaps(runs, "mass", "mass"),
        "mass_area over the expert's": agreement(pairs.found, pairs.true, pairs.groups),
    }


def _nerve_vessel(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    runs = run("nerve_vessel", _of("us_nerve", rows), folders)
    return (
        runs.summary()
        | {f"dice_{label}": overlaps(runs, label, label) for label in ("nerve", "vessel")}
        | _against_expert_outlines("nerve_vessel", runs, ("nerve", "vessel"), folders)
    )


LESIONS: Final[dict[str, Evaluation]] = {
    "breast_lesion": _breast_lesion,
    "breast_margin": _breast_margin,
    "breast_malignancy": _malignancy("breast_malignancy", "us_breast"),
    "liver_mass": _liver_mass,
    "nerve_vessel": _nerve_vessel,
}
