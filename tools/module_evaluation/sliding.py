"""Clips whose lung is known to slide or not: real clips, and made-up motion of their pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import ClipFrame
from cad_modules.pleura import find_pleural_line
from cad_modules.runtime import clip_context, run_module
from edge_app.clips import SHORTEST_STEP_S
from tools.module_evaluation.learned import find_module
from tools.module_evaluation.lesions import auc
from tools.module_evaluation.statistics import grouped_interval
from tools.training.dataset import Row

Image = NDArray[np.uint8]
Clip = tuple[list[Image], NDArray[np.float64]]
"""Frames, and the time of each in seconds."""

SEED: Final = 17
BELOW_LINE: Final = 0.005
"""Of the picture's height: from so far behind the pleural line the lung is frozen."""
PROBE: Final = 0.02
"""Of the picture's height: how far the made-up probe moves each way."""
SPECKLE: Final = 0.12
"""Relative standard deviation of the noise that is laid over frozen pictures: a real one is never the same twice."""
THRESHOLD: Final = 0.5


def lung_sliding(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    """The score of real clips against that of made-up ones without sliding; intervals over patients."""
    module = find_module("lung_sliding", folders)
    scores: dict[str, list[tuple[float, str]]] = {kind: [] for kind in ("real", "real, probe moves", *STILL)}
    asked, reasons = 0, []
    for row in (row for row in rows if row.is_clip and row.category == "us_lung"):
        clip = read_clip(row.path)
        random = np.random.default_rng(SEED + len(clip[0]))
        line = _line(clip[0])
        kinds = {"real": clip, "real, probe moves": (_moved(clip, random), clip[1])}
        if line is not None:
            kinds |= {kind: (make(clip, line, random), clip[1]) for kind, make in STILL.items()}
        for kind, (images, times_s) in kinds.items():
            frames = tuple(ClipFrame(image, float(time_s)) for image, time_s in zip(images, times_s, strict=True))
            result = run_module(module, frames, clip_context("us_lung"))
            asked += kind == "real"
            if result.status == "ok":
                scores[kind].append((result.findings.findings[0].value, row.group))
            elif kind == "real":
                reasons.append(f"{result.status}: {result.reason}")
    real = scores["real"]
    report: dict[str, Any] = {"clips": asked, "measured": len(real), "reasons": sorted(set(reasons)), "kinds": {}}
    for kind, found in scores.items():
        values = [value for value, _ in found]
        entry: dict[str, Any] = {"clips": len(values), "patients": len({group for _, group in found})}
        if values:
            entry["score, 5 50 95 %"] = [round(float(score), 3) for score in np.percentile(values, (5, 50, 95))]
            entry["share above 0.5"] = round(float(np.mean(np.array(values) > THRESHOLD)), 3)
        if values and real and kind in STILL:
            numbers = np.array([(value, 1.0) for value, _ in real] + [(value, 0.0) for value in values])
            entry["auc of real clips"] = auc(numbers)
            entry["auc_interval"] = grouped_interval(numbers, [group for _, group in (*real, *found)], auc)
        report["kinds"][kind] = entry
    return report


def read_clip(path: Path) -> Clip:
    """A clip as the service keeps it: gray, of 50 frames a second or more only some."""
    capture = cv2.VideoCapture(str(path))
    rate_hz = capture.get(cv2.CAP_PROP_FPS)
    images: list[Image] = []
    times_s: list[float] = []
    number = 0
    while True:
        more, frame = capture.read()
        if not more:
            break
        if not times_s or number / rate_hz - times_s[-1] >= SHORTEST_STEP_S:
            images.append(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8))
            times_s.append(number / rate_hz)
        number += 1
    capture.release()
    return images, np.array(times_s)


def _line(images: list[Image]) -> NDArray[np.float64] | None:
    """The pleural line's row in each column, in the most certain of three frames."""
    found = [find_pleural_line(images[number]) for number in (0, len(images) // 2, len(images) - 1)]
    lines = [line for line in found if line is not None]
    if not lines:
        return None
    points = max(lines, key=lambda line: line.confidence).points
    return np.interp(np.arange(images[0].shape[1]), points[:, 0], points[:, 1])


def _frozen(clip: Clip, line: NDArray[np.float64], random: np.random.Generator, noise: float = 0.0) -> list[Image]:
    """The chest wall as it was, the lung as in the first frame."""
    images, _ = clip
    height = images[0].shape[0]
    lung = np.arange(height)[:, np.newaxis] > line + BELOW_LINE * height
    return [np.where(lung, _noisy(images[0], random, noise), image) for image in images]


def _moved(clip: Clip, random: np.random.Generator) -> list[Image]:
    """Every frame, shifted along a smooth path to and fro."""
    images, times_s = clip
    height, width = images[0].shape
    rates_hz, phases = random.uniform(0.2, 0.6, 2), random.uniform(0, 2 * np.pi, 2)
    path = PROBE * height * np.sin(2 * np.pi * rates_hz * times_s[:, np.newaxis] + phases)
    moved = []
    for image, (x, y) in zip(images, path - path[0], strict=True):
        matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
        shifted = cv2.warpAffine(
            image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        moved.append(np.asarray(shifted, np.uint8))
    return moved


def _shifted(clip: Clip, random: np.random.Generator, noise: float = 0.0) -> list[Image]:
    """The first frame under a probe that moves."""
    images, times_s = clip
    moved = _moved(([images[0]] * len(images), times_s), random)
    return [_noisy(image, random, noise) for image in moved]


def _noisy(image: Image, random: np.random.Generator, noise: float) -> Image:
    if not noise:
        return image
    return np.clip(image * (1 + random.normal(0, noise, image.shape)), 0, 255).astype(np.uint8)


STILL: Final[dict[str, Callable[[Clip, NDArray[np.float64], np.random.Generator], list[Image]]]] = {
    "lung frozen": lambda clip, line, random: _frozen(clip, line, random),
    "lung frozen, with noise": lambda clip, line, random: _frozen(clip, line, random, SPECKLE),
    "lung frozen, probe moves": lambda clip, line, random: _moved((_frozen(clip, line, random), clip[1]), random),
    "all frozen, probe moves": lambda clip, line, random: _shifted(clip, random),
    "all frozen, probe moves, with noise": lambda clip, line, random: _shifted(clip, random, SPECKLE),
}
