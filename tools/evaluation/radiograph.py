"""Figures of the classifiers of radiographs on labelled pictures, and probes of what they look at."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.chest_anatomy import mirrored_logit
from cad_modules.chest_field import chest_field, field_places
from cad_modules.knee_osteoarthritis.analyze import OSTEOARTHRITIS, reach_probabilities
from cad_modules.lung_opacity.analyze import probability
from cad_modules.radiograph import usual_polarity
from models.bundle import Bundle
from tools.module_evaluation.statistics import grouped_interval
from tools.training.dataset import Row, read_image
from tools.training.radiograph_figures import area_under_curve, quadratic_kappa
from tools.training.radiograph_settings import SETTINGS

Image = NDArray[np.uint8]
GRADES: Final = 5


def evaluate_knee(bundle: Bundle, rows: Iterable[Row]) -> dict[str, Any]:
    """Kappa, error and the area under the curve for osteoarthritis, all together and by set."""
    found = []
    for row in _labelled(rows, "knee_osteoarthritis"):
        image = usual_polarity(read_image(row.path), row.category)
        reached = reach_probabilities(bundle.infer(image).values)
        expected, sick = float(reached.sum()), float(reached[OSTEOARTHRITIS - 1])
        found.append((row, np.array((expected, sick, SETTINGS["knee_osteoarthritis"].targets[row.label]), np.float64)))
    report = {"all": _knee_figures(found)}
    for name in sorted({row.set_name for row, _ in found}):
        report[name] = _knee_figures([pair for pair in found if pair[0].set_name == name])
    return report


def _knee_figures(found: list[tuple[Row, NDArray[np.float64]]]) -> dict[str, Any]:
    values, groups = np.stack([one for _, one in found]), [f"{row.set_name}/{row.group}" for row, _ in found]

    def kappa(some: NDArray[np.float64]) -> float:
        return quadratic_kappa(np.rint(some[:, 0]).astype(int), some[:, 2].astype(int), GRADES)

    def curve(some: NDArray[np.float64]) -> float:
        return _curve(some[:, 1], some[:, 2] >= OSTEOARTHRITIS)

    table = np.zeros((GRADES, GRADES), int)
    np.add.at(table, (values[:, 2].astype(int), np.rint(values[:, 0]).astype(int)), 1)
    return {
        "pictures": len(found),
        "quadratic_kappa": round(kappa(values), 4),
        "quadratic_kappa_interval": grouped_interval(values, groups, kappa),
        "auc_osteoarthritis": round(curve(values), 4),
        "auc_osteoarthritis_interval": grouped_interval(values, groups, curve),
        "mean_absolute_error": round(float(np.abs(values[:, 0] - values[:, 2]).mean()), 4),
        "accuracy": round(float(np.mean(np.rint(values[:, 0]) == values[:, 2])), 4),
        "confusion_true_by_found": [" ".join(map(str, line)) for line in table.tolist()],
    }


def evaluate_chest(bundle: Bundle, chest: Bundle, rows: Iterable[Row]) -> dict[str, Any]:
    """The area under the curve within each set, of the module's own pooling and of probes of what carries it.

    ``border_only``: the chest is painted over with its mean gray level, and every place counts. A network that does
    well then has learned the collection. ``chest_only``: all but the chest is painted over.
    """
    ways: dict[str, Callable[[Image, NDArray[np.bool_]], Image]] = {
        "module": lambda image, field: image,
        "border_only": lambda image, field: _painted(image, field),
        "chest_only": lambda image, field: _painted(image, ~field),
    }
    found: dict[str, list[tuple[Row, NDArray[np.float64]]]] = {name: [] for name in (*ways, "mirrored")}
    for row in _labelled(rows, "lung_opacity"):
        image = usual_polarity(read_image(row.path), row.category)
        anatomy = chest.infer(image)
        field = chest_field(anatomy)
        full = cv2.resize(field.astype(np.uint8), image.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        target = SETTINGS["lung_opacity"].targets[row.label]
        for name, change in ways.items():
            chance = bundle.infer(change(image, full)).channel("opacity").astype(np.float64)
            places = np.ones_like(chance) if name == "border_only" else field_places(anatomy, *chance.shape)
            found[name].append((row, np.array((probability(chance, places), target))))
        for turned, side in ((image, 0), (np.ascontiguousarray(image[:, ::-1]), 1)):
            chance = bundle.infer(turned).channel("mirrored").astype(np.float64)
            places = field_places(chest.infer(turned), *chance.shape)
            found["mirrored"].append((row, np.array((mirrored_logit(chance, places), side))))
    return {name: _by_set(pairs) for name, pairs in found.items()}


def _by_set(pairs: list[tuple[Row, NDArray[np.float64]]]) -> dict[str, Any]:
    report = {}
    names = {row.set_name for row, _ in pairs}
    kinds: dict[str, set[str]] = {name: {name} for name in sorted(names)}
    kinds["pneumonia sets"] = {name for name in names if name in ("xr_chest_nih_subset", "xr_chest_nih_more")}
    for title, sets in kinds.items():
        some = [(row, one) for row, one in pairs if row.set_name in sets]
        values = np.stack([one for _, one in some]) if some else np.empty((0, 2))
        if len(set(values[:, 1])) < 2:
            continue
        groups = [f"{row.set_name}/{row.group}" for row, _ in some]
        report[title] = {
            "pictures": len(some),
            "auc": round(_curve(values[:, 0], values[:, 1] == 1), 4),
            "interval": grouped_interval(values, groups, lambda v: _curve(v[:, 0], v[:, 1] == 1)),
        }
    return report


def _curve(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    if positive.all() or not positive.any():
        return float("nan")
    return area_under_curve(values, positive.astype(int))


def _painted(image: Image, where: NDArray[np.bool_]) -> Image:
    changed = image.copy()
    changed[where] = int(image[where].mean()) if where.any() else 0
    return changed


def _labelled(rows: Iterable[Row], name: str) -> list[Row]:
    return [row for row in rows if SETTINGS[name].target(row) is not None]
