"""The modules of knees and limbs, against grades by readers."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.knee_osteoarthritis.analyze import OSTEOARTHRITIS
from tools.module_evaluation.learned import Evaluation, run, value
from tools.module_evaluation.statistics import area_under_curve, grouped_interval
from tools.training.dataset import Row
from tools.training.radiograph_figures import quadratic_kappa

GRADES: Final = 5


def _joint_space(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    runs = run("joint_space", [row for row in rows if "kl" in row.extra], folders)
    pairs = np.array([(value(result, "joint_space_ratio"), row.extra["kl"]) for row, result in runs.good], np.float64)
    groups = [f"{row.set_name}/{row.group}" for row, _ in runs.good]
    named = [value(result, "joint_space_width_medial") is not None for _, result in runs.good]
    return runs.summary() | {
        "spearman_of_ratio_with_kl": round(spearman(pairs), 4),
        "interval": grouped_interval(pairs, groups, spearman),
        "median_ratio_by_kl": [round(float(np.median(pairs[pairs[:, 1] == kl, 0])), 4) for kl in range(GRADES)],
        "sides_named": round(float(np.mean(named)), 4),
    }


def _knee_osteoarthritis(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    runs = run("knee_osteoarthritis", [row for row in rows if "kl" in row.extra], folders)
    features = ("kl_grade", "kl_grade_expected", "oa_probability")
    values = np.array(
        [(*(value(result, name) for name in features), row.extra["kl"]) for row, result in runs.good], np.float64
    )
    groups = [f"{row.set_name}/{row.group}" for row, _ in runs.good]
    grade, true = values[:, 0], values[:, 3]

    def kappa(some: NDArray[np.float64]) -> float:
        return quadratic_kappa(some[:, 0].astype(int), some[:, 3].astype(int), GRADES)

    def curve(some: NDArray[np.float64]) -> float:
        sick = some[:, 3] >= OSTEOARTHRITIS
        return area_under_curve(some[sick, 2].tolist(), some[~sick, 2].tolist())

    inside = [
        float(low <= row.extra["kl"] <= high)
        for row, result in runs.good
        for low, high in [result.findings.findings[0].interval or (0.0, 0.0)]
    ]
    return runs.summary() | {
        "quadratic_kappa": round(kappa(values), 4),
        "quadratic_kappa_interval": grouped_interval(values, groups, kappa),
        "auc_osteoarthritis": round(curve(values), 4),
        "auc_osteoarthritis_interval": grouped_interval(values, groups, curve),
        "accuracy": round(float(np.mean(grade == true)), 4),
        "within_one_grade": round(float(np.mean(np.abs(grade - true) <= 1)), 4),
        "mean_absolute_error_of_expected": round(float(np.abs(values[:, 1] - true).mean()), 4),
        "labels_inside_the_interval": round(float(np.mean(inside)), 4),
    }


def spearman(pairs: NDArray[np.float64]) -> float:
    """Rank correlation of two columns; equal values share their mean rank. NaN if a column does not vary."""
    first, second = (_ranks(column) for column in pairs.T)
    if first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[index]


BONES: Final[dict[str, Evaluation]] = {
    "joint_space": _joint_space,
    "knee_osteoarthritis": _knee_osteoarthritis,
}
