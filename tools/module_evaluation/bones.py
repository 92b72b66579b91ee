"""The modules of knees and limbs, against grades by readers."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tools.module_evaluation.learned import Evaluation, run, value
from tools.module_evaluation.statistics import grouped_interval
from tools.training.dataset import Row

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


def spearman(pairs: NDArray[np.float64]) -> float:
    """Rank correlation of two columns; equal values share their mean rank. NaN if a column does not vary."""
    first, second = (_ranks(column) for column in pairs.T)
    if first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[index]


BONES: Final[dict[str, Evaluation]] = {"joint_space": _joint_space}
