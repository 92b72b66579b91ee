"""The modules that look at the frames of lung clips, against the experts' notes on each clip."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from cad_modules.runtime import Runtime, run_module
from tools.module_evaluation.learned import Evaluation, find_module, value
from tools.module_evaluation.lesions import auc
from tools.module_evaluation.statistics import grouped_interval
from tools.training.dataset import Row, read_pictures

FRAMES: Final = 8
"""Of each clip, evenly spread."""
Truth = Callable[[Row], bool | None]


def _flag(name: str) -> Truth:
    return lambda row: bool(row.extra[name]) if name in row.extra else None


def _ill(row: Row) -> bool | None:
    return row.label != "normal"


def _against_notes(name: str, feature: str, true: Truth, together: Callable[[list[float]], Any]) -> Evaluation:
    """An evaluation of one number of each clip: of its frames' values together, by clip and by patient."""

    def evaluate(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
        module, runtime = find_module(name, folders), Runtime(folders)
        clips: list[tuple[float, bool, str]] = []
        frames = measured = 0
        reasons: set[str] = set()
        for row in rows:
            known = true(row)
            if row.category != "us_lung" or known is None:
                continue
            values = []
            for image in read_pictures(row, FRAMES):
                result = run_module(module, image, runtime.context_for(image, row.category, row.mm_per_pixel))
                frames += 1
                number = value(result, feature)
                if number is None:
                    reasons.add(f"{result.status}: {result.reason}")
                else:
                    measured += 1
                    values.append(number)
            if values:
                clips.append((float(together(values)), known, f"{row.set_name}/{row.group}"))
        return {"frames": frames, "measured": measured, "reasons": sorted(reasons)} | separation(clips)

    return evaluate


def separation(clips: list[tuple[float, bool, str]]) -> dict[str, Any]:
    """How well a number tells clips with a sign from those without, by clip and by patient, with 95 % intervals.

    Args:
        clips: Number, whether the sign was noted, and patient. A patient with both kinds of clips counts as two.
    """
    if len({noted for _, noted, _ in clips}) < 2:
        return {"clips": len(clips)}
    keys = sorted({(group, noted) for _, noted, group in clips})
    means = [np.mean([number for number, noted, group in clips if (group, noted) == key]) for key in keys]
    by_clip = np.array([(number, noted) for number, noted, _ in clips], np.float64)
    by_patient = np.array([(mean, noted) for mean, (_, noted) in zip(means, keys, strict=True)], np.float64)
    return {
        "clips": len(clips),
        "noted": int(by_clip[:, 1].sum()),
        "patients": len({group for _, _, group in clips}),
        "auc_by_clip": auc(by_clip),
        "auc_by_clip_interval": grouped_interval(by_clip, [group for _, _, group in clips], auc),
        "auc_by_patient": auc(by_patient),
        "auc_by_patient_interval": grouped_interval(by_patient, [group for group, _ in keys], auc),
    }


def _pleural_line(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    """How often a line is found, and how far its depth moves within a clip: there is no drawn truth."""
    module, runtime = find_module("pleural_line", folders), Runtime(folders)
    frames, spreads, found = 0, [], 0
    for row in rows:
        if row.category != "us_lung":
            continue
        depths = []
        for image in read_pictures(row, FRAMES):
            frames += 1
            result = run_module(module, image, runtime.context_for(image, row.category, row.mm_per_pixel))
            depth = value(result, "pleura_depth")
            if depth is not None:
                found += 1
                depths.append(depth / image.shape[0])
        if len(depths) >= 4:
            spreads.append(float(np.median(np.abs(np.array(depths) - np.median(depths)))))
    return {
        "frames": frames,
        "measured": found,
        "clips": len(spreads),
        "median_deviation_within_a_clip_over_height": round(float(np.median(spreads or [np.nan])), 4),
        "share_of_clips_below_0.02": round(float(np.mean(np.array(spreads or [np.nan]) < 0.02)), 4),
    }


LUNGS: Final[dict[str, Evaluation]] = {
    "pleural_line": _pleural_line,
    "b_lines": _against_notes("b_lines", "b_line_score", _flag("b_lines"), max),
    "a_lines": _against_notes("a_lines", "a_line_score", _flag("a_lines"), np.median),
    "lung_pattern": _against_notes("lung_pattern", "pathology_probability", _ill, np.mean),
}
