"""The modules without a network, against faults and text that are drawn into real pictures."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CadModule, Overlay
from cad_modules.runtime import ModuleResult, Runtime, run_module
from tools.module_evaluation.learned import Evaluation, find_module, value
from tools.module_evaluation.statistics import area_under_curve, score
from tools.training.dataset import Row, read_image

Image = NDArray[np.uint8]
SEED: Final = 11
MOST_PER_SET: Final = 60
SMALLEST_SIDE: Final = 180
"""Thumbnails have no quality to rate and no room for text."""

TEXT_FREE_SETS: Final = ("us_fetal_hc18", "us_cardiac_camus", "us_cardiac_camus_more", "xr_chest_jsrt", "xr_knee_osail")
"""Seen by eye: no text in any picture (of HC18, none but faint print in the cine bar of a few)."""
OBJECT_FREE_SETS: Final = ("xr_chest_jsrt",)
"""Its markers were blacked out before it was published."""
WORDS: Final = ("PATIENT 123", "J. SMITH", "12:45:07", "MI 0.9", "Abd Gen", "D1 3.2 cm", "2021-03-04", "Probe L12")
FONTS: Final = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
CONTRAST: Final = 80
"""Gray levels over the brighter parts behind it, from which text counts as readable."""


def _clipped(values: NDArray[Any]) -> Image:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def _noise(sigma: float) -> Callable[[Image], Image]:
    return lambda image: _clipped(image + np.random.default_rng(SEED).normal(0, sigma, image.shape))


def _blur(sigma: float) -> Callable[[Image], Image]:
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _bright(image: Image, percentile: float) -> Image:
    """So bright that what was above the percentile of the imaged area is white."""
    imaged = image[image > 8]
    return _clipped(image * (255 / max(float(np.percentile(imaged, percentile)), 1.0))) if imaged.size else image


QUALITY_FAULTS: Final[dict[str, Callable[[Image], Image]]] = {
    "blur sigma 1": _blur(1),
    "blur sigma 2": _blur(2),
    "blur sigma 4": _blur(4),
    "noise sigma 5": _noise(5),
    "noise sigma 10": _noise(10),
    "noise sigma 25": _noise(25),
    "half as bright": lambda image: _clipped(image * 0.5),
    "a quarter as bright": lambda image: _clipped(image * 0.25),
    "brightest 30 % white": lambda image: _bright(image, 70),
}
EXPOSURE_FAULTS: Final[dict[str, Callable[[Image], Image]]] = {
    "inverted": lambda image: _clipped(255 - image.astype(np.int16)),
    "0.35 as bright": lambda image: _clipped(image * 0.35),
    "brightest 40 % white": lambda image: _bright(image, 60),
    "washed out": lambda image: _clipped(175 + image * 0.3),
    "flat gray": lambda image: _clipped(100 + image * 0.2),
    "gamma 3": lambda image: _clipped(255 * (image / 255.0) ** 3),
    "blurred by 0.6 % of the side": lambda image: _blur(0.006 * max(image.shape))(image),
    "moved by 4 % of the side": lambda image: np.asarray(cv2.blur(image, (max(round(0.04 * max(image.shape)), 3), 1))),
}


def _pictures(rows: list[Row], category: str = "") -> list[tuple[Row, Image]]:
    """Some pictures of every set of the categories that begin so."""
    taken: dict[str, int] = defaultdict(int)
    pictures = []
    for row in rows:
        if row.category == "reject" or not row.category.startswith(category) or taken[row.set_name] >= MOST_PER_SET:
            continue
        image = read_image(row.path)
        if min(image.shape) >= SMALLEST_SIDE:
            taken[row.set_name] += 1
            pictures.append((row, image))
    return pictures


def _run(module: CadModule, row: Row, image: Image) -> ModuleResult:
    return run_module(module, image, Runtime().context_for(image, row.category, row.mm_per_pixel))


def _image_quality(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    module, pictures = find_module("image_quality", folders), _pictures(rows)
    groups = [f"{row.set_name}/{row.group}" for row, _ in pictures]
    real = [value(_run(module, row, image), "quality_score") or 0.0 for row, image in pictures]
    report: dict[str, Any] = {"pictures": len(pictures), "share of pictures whose faulty copy scores lower": {}}
    for fault, spoil in QUALITY_FAULTS.items():
        worse = [value(_run(module, row, spoil(image)), "quality_score") or 0.0 for row, image in pictures]
        lower = [float(bad < good) for good, bad in zip(real, worse, strict=True)]
        report["share of pictures whose faulty copy scores lower"][fault] = score(lower, groups)
    return report


def _exposure_check(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    module, pictures = find_module("exposure_check", folders), _pictures(rows, "xr_")
    real = [value(_run(module, row, image), "exposure_score") or 0.0 for row, image in pictures]
    report: dict[str, Any] = {
        "pictures": len(pictures),
        "median_score": round(float(np.median(real)), 3),
        "share_above_0.35": round(float(np.mean(np.array(real) > 0.35)), 4),
        "faulty copies": {},
    }
    for fault, spoil in EXPOSURE_FAULTS.items():
        faulty = [value(_run(module, row, spoil(image)), "exposure_score") or 0.0 for row, image in pictures]
        report["faulty copies"][fault] = {
            "auc": area_under_curve(real, faulty),
            "share_above_0.35": round(float(np.mean(np.array(faulty) > 0.35)), 4),
        }
    return report


def _screen_text(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    module, random = find_module("screen_text", folders), np.random.default_rng(SEED)
    readable: list[float] = []
    faint: list[float] = []
    right: list[float] = []
    free: list[float] = []
    wrong: list[float] = []
    groups: list[str] = []
    free_groups: list[str] = []
    for row, image in _pictures(rows):
        before = _covered(_run(module, row, image).findings.overlays, image.shape)
        if row.set_name in TEXT_FREE_SETS:
            free.append(float(not before.any()))
            free_groups.append(f"{row.set_name}/{row.group}")
        written, lines = _write(image, random)
        overlays = _run(module, row, written).findings.overlays
        found = _covered(overlays, image.shape)
        text = before.copy()
        for (left, top, right_edge, bottom), contrast in lines:
            part = found[top:bottom, left:right_edge]
            (readable if contrast >= CONTRAST else faint).append(float(part.mean() > 0.5))
            if contrast >= CONTRAST:
                groups.append(f"{row.set_name}/{row.group}")
            text[max(top - 4, 0) : bottom + 6, max(left - 4, 0) : right_edge + 4] = True
        if row.set_name in TEXT_FREE_SETS:
            # What was covered before anything was written is wrong here too.
            wrong.append(float((found & (~text | before)).mean()))
        right += [float(text[_covered((overlay,), image.shape)].mean() > 0.5) for overlay in overlays]
    return {
        "lines_found_of_readable": score(readable, groups),
        "lines_found_of_faint": round(float(np.mean(faint)), 4),
        "boxes_on_text": {"boxes": len(right), "share": round(float(np.mean(right)), 4)},
        "text_free_pictures_without_box": score(free, free_groups),
        "picture_area_masked_wrongly": {
            "pictures": len(wrong),
            "mean": round(float(np.mean(wrong or [0.0])), 5),
            "largest": round(max(wrong, default=0.0), 5),
        },
    }


def _opaque_objects(rows: list[Row], folders: tuple[Path, ...]) -> dict[str, Any]:
    module, random = find_module("opaque_objects", folders), np.random.default_rng(SEED)
    found: list[float] = []
    groups: list[str] = []
    free: list[float] = []
    free_groups: list[str] = []
    unchanged: dict[str, list[int]] = defaultdict(list)
    for row, image in _pictures(rows, "xr_"):
        group = f"{row.set_name}/{row.group}"
        unchanged[row.set_name].append(len(_run(module, row, image).findings.overlays))
        if row.set_name in OBJECT_FREE_SETS:
            free.append(float(not _run(module, row, image).findings.overlays))
            free_groups.append(group)
        drawn, boxes = _put_objects(image, random)
        covered = _covered(_run(module, row, drawn).findings.overlays, image.shape)
        found += [float(covered[top:bottom, left:right].mean() > 0.5) for left, top, right, bottom in boxes]
        groups += [group] * len(boxes)
    return {
        "drawn_objects_found": score(found, groups),
        "pictures_without_objects_that_get_none": score(free, free_groups),
        "objects_in_unchanged_pictures": {name: round(float(np.mean(counts)), 3) for name, counts in unchanged.items()},
    }


def _put_objects(image: Image, random: np.random.Generator) -> tuple[Image, list[tuple[int, int, int, int]]]:
    """The picture with a disk, a bar and an L as of lead, where it is dark enough for them to be seen."""
    drawn = image.copy()
    boxes: list[tuple[int, int, int, int]] = []
    side = max(image.shape) // 40
    for shape in ("disk", "bar", "marker"):
        for _ in range(50):
            x, y = (int(random.integers(2 * side, size - 2 * side)) for size in image.shape[::-1])
            box = (x - side, y - side, x + side, y + side)
            behind = image[box[1] - side : box[3] + side, box[0] - side : box[2] + side]
            if behind.max() < 255 - CONTRAST and not any(_touch(box, other) for other in boxes):
                break
        else:
            continue
        if shape == "disk":
            cv2.circle(drawn, (x, y), side, 255, cv2.FILLED, cv2.LINE_AA)
        elif shape == "bar":
            box = (x - side, y - 1, x + side, y + 2)
            cv2.line(drawn, (x - side, y), (x + side, y), 255, 3, cv2.LINE_AA)
        else:
            corners = np.array([(x - side, y - side), (x - side, y + side), (x + side, y + side)], np.int32)
            cv2.polylines(drawn, [corners], isClosed=False, color=255, thickness=3, lineType=cv2.LINE_AA)
        boxes.append(box)
    return drawn, boxes


def _covered(overlays: tuple[Overlay, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, np.bool_)
    for overlay in overlays:
        (left, top), (right, bottom) = overlay.points
        mask[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = True
    return mask


def _write(image: Image, random: np.random.Generator) -> tuple[Image, list[tuple[tuple[int, int, int, int], float]]]:
    """The picture with up to four lines of text, saved as JPEG; each line's box above its base line, and contrast."""
    written = image.copy()
    lines: list[tuple[tuple[int, int, int, int], float]] = []
    for _ in range(4):
        word, font = WORDS[random.integers(len(WORDS))], FONTS[random.integers(len(FONTS))]
        height, level = int(random.integers(10, 28)), 255 if random.random() < 0.7 else 200
        thickness = 1 if height < 20 else 2
        scale = cv2.getFontScaleFromHeight(font, height, thickness)
        (wide, high), base = cv2.getTextSize(word, font, scale, thickness)
        if wide + 4 >= image.shape[1] or high + base + 4 >= image.shape[0]:
            continue
        x, y = int(random.integers(2, image.shape[1] - wide - 1)), int(random.integers(high + 2, image.shape[0] - base))
        box = (x, y - high, x + wide, y)
        if any(_touch(box, other) for other, _ in lines):
            continue
        contrast = level - float(np.percentile(image[box[1] : box[3], box[0] : box[2]], 75))
        cv2.putText(written, word, (x, y), font, scale, level, thickness, cv2.LINE_AA)
        lines.append((box, contrast))
    _, coded = cv2.imencode(".jpg", written, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8), lines


def _touch(box: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    beside = box[0] > other[2] + 20 or box[2] < other[0] - 20
    return not (beside or box[1] > other[3] + 8 or box[3] < other[1] - 8)


CLASSICAL: Final[dict[str, Evaluation]] = {
    "image_quality": _image_quality,
    "exposure_check": _exposure_check,
    "screen_text": _screen_text,
    "opaque_objects": _opaque_objects,
}
