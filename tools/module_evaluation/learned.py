"""The modules that read a segmentation network, against masks and measurements by experts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import AnalysisContext, CadModule
from cad_modules.gestational_age.analyze import weeks_of
from cad_modules.registry import discover
from cad_modules.runtime import ModuleResult, Runtime, run_module
from models.bundle import Prediction
from tools.module_evaluation.statistics import agreement, score
from tools.training.dataset import Row, read_image, read_mask

Evaluation = Callable[[list[Row], tuple[Path, ...]], dict[str, Any]]
MAP_SIZE: Final = 256
"""Masks are brought to this size before the same geometry measures them."""
DAYS_PER_WEEK: Final = 7


@dataclass
class Pairs:
    """Found and true values, with the patient of each."""

    found: list[float] = field(default_factory=list)
    true: list[float] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def add(self, found: float, true: float, row: Row) -> None:
        """One picture more."""
        self.found.append(found)
        self.true.append(true)
        self.groups.append(f"{row.set_name}/{row.group}")


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """What a module said of pictures."""

    results: list[tuple[Row, ModuleResult]]

    @property
    def good(self) -> list[tuple[Row, ModuleResult]]:
        """Those it could measure."""
        return [(row, result) for row, result in self.results if result.status == "ok"]

    def summary(self) -> dict[str, Any]:
        """How often it could measure, and why not."""
        reasons = sorted({f"{result.status}: {result.reason}" for _, result in self.results if result.status != "ok"})
        return {"pictures": len(self.results), "measured": len(self.good), "reasons": reasons}


def find_module(name: str, bundle_folders: tuple[Path, ...]) -> CadModule:
    """The installed module, even if its bundle is missing: then its results say so."""
    registry = discover(bundle_folders)
    waiting = [entry.module for entry in registry.unusable if entry.module]
    return next(module for module in (*registry.modules, *waiting) if module.name == name)


def run(name: str, rows: Iterable[Row], bundle_folders: tuple[Path, ...]) -> Runs:
    """Run a module on pictures as the device does."""
    module, runtime = find_module(name, bundle_folders), Runtime(bundle_folders)
    results = []
    for row in rows:
        image = read_image(row.path)
        context = runtime.context_for(image, row.category, row.mm_per_pixel)
        results.append((row, run_module(module, image, context)))
    return Runs(results)


def value(result: ModuleResult, feature: str) -> float | None:
    """A finding's value, None if there is none."""
    return next((finding.value for finding in result.findings.findings if finding.feature == feature), None)


def drawn(result: ModuleResult, label: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The area inside an overlay, as a mask of the picture's size."""
    mask = np.zeros(shape, np.uint8)
    for overlay in result.findings.overlays:
        if overlay.label == label and overlay.kind in ("polygon", "ellipse"):
            cv2.fillPoly(mask, [np.array(overlay.points).round().astype(np.int32)], 1)
    return mask.astype(np.bool_)


def dice(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Overlap of two masks, 0 to 1."""
    both, together = int(np.count_nonzero(found & true)), int(np.count_nonzero(found) + np.count_nonzero(true))
    return 2 * both / max(together, 1)


def measure_masks(module: CadModule, row: Row, *labels: str) -> dict[str, float]:
    """What the module's own geometry measures when the network's answer is the expert's mask."""
    masks = [read_mask(row, label).astype(np.float32) for label in labels]
    maps = [cv2.resize(mask, (MAP_SIZE, MAP_SIZE), interpolation=cv2.INTER_AREA) for mask in masks]
    prediction = Prediction(labels, np.stack(maps, axis=-1).astype(np.float32))
    usual = Prediction(("opacity", "mirrored"), np.full((1, 1, 2), 0.02, np.float32))  # the masks are not mirrored
    answers = {"lung_opacity": usual}
    context = AnalysisContext(row.category, lambda name: answers.get(name, prediction), row.mm_per_pixel)
    result = run_module(module, read_image(row.path), context)
    return {finding.feature: finding.value for finding in result.findings.findings}


def _fetal_head(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    runs = run("fetal_head", [row for row in rows if "hc_mm" in row.extra], folders)
    pairs, overlaps, covered, groups = Pairs(), [], [], []
    for row, result in runs.good:
        pairs.add(value(result, "head_circumference") or 0.0, row.extra["hc_mm"], row)
        low, high = result.findings.findings[0].interval or (0.0, 0.0)
        covered.append(float(low <= row.extra["hc_mm"] <= high))
        mask = read_mask(row, "head")
        overlaps.append(dice(drawn(result, "head", mask.shape), mask))
        groups.append(row.group)
    return runs.summary() | {
        "head_circumference_mm": agreement(pairs.found, pairs.true, pairs.groups),
        "experts_inside_the_interval": score(covered, groups),
        "dice_head": score(overlaps, groups),
    }


def _gestational_age(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    runs = run("gestational_age", [row for row in rows if "hc_mm" in row.extra], folders)
    pairs = Pairs()
    for row, result in runs.good:
        true = weeks_of(row.extra["hc_mm"] / 10)
        pairs.add((value(result, "gestational_age") or 0.0) * DAYS_PER_WEEK, true * DAYS_PER_WEEK, row)
    return runs.summary() | {"days_against_expert_circumference": agreement(pairs.found, pairs.true, pairs.groups)}


def _against_masks(name: str, labels: tuple[str, ...], overlays: tuple[str, ...], needed: str) -> Evaluation:
    """An evaluation of every feature against the same geometry on the expert's masks, and of overlays by overlap."""

    def evaluate(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
        with_masks = [row for row in rows if row.mask_path and needed in row.extra.get("mask_values", {})]
        runs, module = run(name, with_masks, folders), find_module(name, folders)
        pairs = {feature: Pairs() for feature in module.features}
        overlaps: dict[str, list[float]] = {label: [] for label in overlays}
        groups = []
        for row, result in runs.good:
            for feature, true in measure_masks(module, row, *labels).items():
                found = value(result, feature)
                if found is not None:
                    pairs[feature].add(found, true, row)
            for label in overlays:
                mask = read_mask(row, label)
                overlaps[label].append(dice(drawn(result, label, mask.shape), mask))
            groups.append(row.group)
        report: dict[str, Any] = runs.summary()
        for feature, unit in module.features.items():
            one = pairs[feature]
            report[f"{feature} ({unit})"] = agreement(one.found, one.true, one.groups)
            if one.true:
                relative = [found / true for found, true in zip(one.found, one.true, strict=True)]
                report[f"{feature} (relative)"] = agreement(relative, [1.0] * len(relative), one.groups)
        return report | {f"dice_{label}": score(overlaps[label], groups) for label in overlays}

    return evaluate


_CHEST: Final = ("lung_right", "lung_left", "heart")
LEARNED: Final[dict[str, Evaluation]] = {
    "fetal_head": _fetal_head,
    "gestational_age": _gestational_age,
    "left_ventricle": _against_masks(
        "left_ventricle", ("left_ventricle", "myocardium", "left_atrium"), ("left_ventricle",), "left_ventricle"
    ),
    "lung_fields": _against_masks("lung_fields", _CHEST, ("lung_right", "lung_left"), "lung_right"),
    "cardiothoracic_ratio": _against_masks("cardiothoracic_ratio", _CHEST, ("heart",), "heart"),
}
