"""The module that looks for opacities of the lungs, within each set so that what differs between sets cannot help."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from tools.module_evaluation.learned import Evaluation, run, value
from tools.module_evaluation.statistics import area_under_curve, grouped_interval
from tools.training.dataset import Row
from tools.training.radiograph_settings import SETTINGS


def _lung_opacity(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    settings = SETTINGS["lung_opacity"]
    runs = run("lung_opacity", [row for row in rows if settings.target(row) is not None], folders)
    report = runs.summary() | {"called_mirrored": sum("wrong side" in result.reason for _, result in runs.good)}
    pneumonia = ("xr_chest_nih_subset", "xr_chest_nih_more")
    by_title = {name: (name,) for name in settings.weights} | {"pneumonia sets": pneumonia}
    for title, sets in by_title.items():
        some = [(row, result) for row, result in runs.good if row.set_name in sets]
        values = np.array(
            [(value(result, "opacity_probability"), settings.targets[row.label]) for row, result in some], np.float64
        )
        if len(some) and len(set(values[:, 1])) == 2:
            groups = [f"{row.set_name}/{row.group}" for row, _ in some]
            report[title] = {
                "pictures": len(some),
                "auc": round(_curve(values), 4),
                "interval": grouped_interval(values, groups, _curve),
            }
    return report


def _curve(values: np.ndarray) -> float:
    sick = values[:, 1] == 1
    if sick.all() or not sick.any():
        return float("nan")
    return area_under_curve(values[sick, 0].tolist(), values[~sick, 0].tolist())


CHEST: Final[dict[str, Evaluation]] = {"lung_opacity": _lung_opacity}
