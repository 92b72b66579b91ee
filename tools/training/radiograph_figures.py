"""What a classifier of radiographs is measured by."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cad_modules.lung_opacity.analyze import SHARPNESS
from tools.training.radiograph_pictures import Picture
from tools.training.radiograph_settings import RadiographSettings


def scores(settings: RadiographSettings, logits: NDArray[Any], places: NDArray[Any]) -> NDArray[np.float64]:
    """One number a picture: the expected grade, or the pooled logit."""
    if settings.head == "ordinal":
        return np.asarray((1 / (1 + np.exp(-logits.astype(np.float64)))).sum(axis=1))
    maps = logits[..., 0].astype(np.float64)  # the first label's
    powers = np.exp(SHARPNESS * maps) * places
    return np.asarray(np.log(powers.sum(axis=(1, 2)) / places.sum(axis=(1, 2))) / SHARPNESS)


def figures(
    settings: RadiographSettings, pictures: list[Picture], logits: NDArray[Any], places: NDArray[Any]
) -> dict[str, Any]:
    """Quadratic kappa of the rounded grade, or the area under the curve within each set."""
    found, true = scores(settings, logits, places), np.array([picture.target for picture in pictures])
    if settings.head == "ordinal":
        grades = np.rint(found).astype(int)
        kappa = quadratic_kappa(grades, true, len(settings.labels) + 1)
        return {"kappa": round(kappa, 4), "accuracy": round(float(np.mean(grades == true)), 4)}
    sets = np.array([picture.row.set_name for picture in pictures])
    return {
        name: round(area_under_curve(found[sets == name], true[sets == name]), 4)
        for name in sorted(set(sets))
        if len(set(true[sets == name])) == 2
    }


def area_under_curve(found: NDArray[Any], true: NDArray[Any]) -> float:
    """Probability that a picture with target 1 has the larger value; ties count half."""
    high, low = found[true == 1][:, np.newaxis], found[true == 0]
    return float(np.mean(high > low) + np.mean(high == low) / 2)


def quadratic_kappa(found: NDArray[Any], true: NDArray[Any], grades: int) -> float:
    """Cohen's kappa with quadratic weights. Source: Cohen, Psychological Bulletin 1968;70:213-220."""
    table = np.zeros((grades, grades))
    np.add.at(table, (true, found), 1)
    by_chance = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    distance = (np.arange(grades)[:, np.newaxis] - np.arange(grades)) ** 2
    return 1 - float((distance * table).sum() / (distance * by_chance).sum())
