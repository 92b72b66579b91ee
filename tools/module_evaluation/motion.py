"""The modules that look at clips; of the heart, its contraction from pairs of pictures against experts' masks."""

from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from cad_modules.cardiac_cycle.analyze import Cavity, cavity_of, ejection_fraction, fractional_area_change
from cad_modules.contract import UnsuitableImage
from cad_modules.runtime import Runtime
from cad_modules.ventricle import BUNDLE, LABELS
from models.bundle import Prediction
from tools.module_evaluation.learned import MAP_SIZE, Evaluation
from tools.module_evaluation.sliding import lung_sliding
from tools.module_evaluation.statistics import agreement
from tools.training.dataset import Row, read_image, read_mask


def _cardiac_cycle(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    """Fractional area change and ejection fraction of one picture at end diastole and one at end systole."""
    bundle = Runtime(folders).bundle(BUNDLE)
    patients: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        if row.extra.get("phase") in ("ED", "ES") and row.mask_path:
            patients[f"{row.set_name}/{row.group}"][row.extra["phase"]] = row
    pairs = {group: found for group, found in patients.items() if len(found) == 2}
    changes: list[tuple[float, float, str]] = []
    ejections: list[tuple[float, float, str]] = []
    reasons = []
    for group, pair in pairs.items():
        try:
            found = [_cavity(bundle.infer(image), image.shape) for image in _images(pair)]
            true = [_cavity(_prediction(row), _size(row)) for row in (pair["ED"], pair["ES"])]
        except UnsuitableImage as error:
            reasons.append(str(error))
            continue
        changes.append((_change(found), _change(true), group))
        if (one := _ejection(found)) is not None and (other := _ejection(true)) is not None:
            ejections.append((one, other, group))
    return {
        "pairs": len(pairs),
        "measured": len(changes),
        "reasons": sorted(set(reasons)),
        "fractional_area_change": _agreement(changes),
        "ejection_fraction (area-length on the same plane)": _agreement(ejections),
    }


def _images(pair: dict[str, Row]) -> list[Any]:
    return [read_image(pair[phase].path) for phase in ("ED", "ES")]


def _size(row: Row) -> tuple[int, ...]:
    return read_mask(row, "left_ventricle").shape


def _cavity(prediction: Prediction, shape: tuple[int, ...]) -> Cavity:
    return cavity_of(prediction, shape[0], shape[1])


def _prediction(row: Row) -> Prediction:
    """The expert's mask as the network would say it."""
    masks = [read_mask(row, label).astype(np.float32) for label in LABELS]
    maps = [cv2.resize(mask, (MAP_SIZE, MAP_SIZE), interpolation=cv2.INTER_AREA) for mask in masks]
    return Prediction(LABELS, np.stack(maps, axis=-1).astype(np.float32))


def _change(pair: list[Cavity]) -> float:
    return fractional_area_change(pair[0].area, pair[1].area)


def _ejection(pair: list[Cavity]) -> float | None:
    diastole, systole = pair
    if diastole.length is None or systole.length is None:
        return None
    return ejection_fraction(diastole.area, diastole.length, systole.area, systole.length)


def _agreement(pairs: list[tuple[float, float, str]]) -> dict[str, Any]:
    return agreement([found for found, _, _ in pairs], [true for _, true, _ in pairs], [group for _, _, group in pairs])


MOTION: Final[dict[str, Evaluation]] = {"cardiac_cycle": _cardiac_cycle, "lung_sliding": lung_sliding}
