"""Read the labelled images of ``../shared/data``: rows of its tables, pictures, frames of clips, licences."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES
from models.bundle import TrainingSet

REJECT: Final = "reject"
SPLITS: Final = ("train", "val", "test", "external")
LICENCE_CLASSES: Final = ("permissive", "noncommercial", "research", "unclear")
DEFAULT_ROOT: Final = Path(__file__).resolve().parents[3] / "shared" / "data"


class DatasetError(Exception):
    """A table or picture of the data set is missing or wrong; the text says which."""


@dataclass(frozen=True, slots=True)
class Row:
    """One picture or clip with its labels."""

    path: Path
    category: str
    """One of ``CATEGORIES`` or ``"reject"``."""
    set_name: str
    """Folder of the set, such as ``us_breast_busi``."""
    label: str
    """The set's own label, such as ``malignant``."""
    split: str
    """One of ``SPLITS``; ``external`` is never trained or tuned on."""
    group: str
    """Patient, subject, video or cluster of look-alikes: never in two splits."""
    licence_class: str
    mask_path: Path | None
    mm_per_pixel: float | None
    extra: dict[str, Any]
    place: str = ""
    """Table and line that it comes from."""

    def __post_init__(self) -> None:
        for value, allowed in (
            (self.category, (*CATEGORIES, REJECT)),
            (self.split, SPLITS),
            (self.licence_class, LICENCE_CLASSES),
        ):
            if value not in allowed:
                raise DatasetError(f"{self.place or self.path}: {value!r} is not one of {allowed}")
        if not self.group:
            raise DatasetError(f"{self.place or self.path}: has no group")

    @property
    def is_clip(self) -> bool:
        """Whether it is a video."""
        return self.path.suffix == ".mp4"


def read_rows(root: Path = DEFAULT_ROOT) -> list[Row]:
    """All rows of all sets, in the order of the tables' paths.

    Args:
        root: Folder with ``<category>/<set>/labels.csv``.

    Raises:
        DatasetError: There is no table, a row is wrong, a picture is missing or a group of one set is in two splits.
    """
    tables = sorted(root.glob("*/*/labels.csv"))
    if not tables:
        raise DatasetError(f"{root}: no <category>/<set>/labels.csv; pass the data folder with --data")
    rows = [row for table in tables for row in _read_table(table)]
    split_of: dict[tuple[str, str], str] = {}
    for row in rows:
        known = split_of.setdefault((row.set_name, row.group), row.split)
        if known != row.split:
            raise DatasetError(f"{row.place}: group {row.group} is in {known} and in {row.split}")
    return rows


def _read_table(table: Path) -> list[Row]:
    folder = table.parent
    rows = []
    with table.open(newline="") as stream:
        for number, line in enumerate(csv.DictReader(stream), start=2):
            try:
                row = Row(
                    path=folder / line["file"],
                    category=line["category"],
                    set_name=folder.name,
                    label=line["label"],
                    split=line["split"],
                    group=line["group"],
                    licence_class=line["licence_class"],
                    mask_path=folder / line["mask_file"] if line["mask_file"] else None,
                    mm_per_pixel=float(line["mm_per_pixel"]) if line["mm_per_pixel"] else None,
                    extra=json.loads(line["extra"] or "{}"),
                    place=f"{table}, line {number}",
                )
            except (KeyError, ValueError) as error:
                raise DatasetError(f"{table}, line {number}: {error}") from error
            if not row.path.is_file():
                raise DatasetError(f"{table}, line {number}: {row.path} is missing")
            rows.append(row)
    return rows


def read_image(path: Path, colour: bool = False) -> NDArray[np.uint8]:
    """A still picture: gray, shape (h, w), or with ``colour`` BGR, shape (h, w, 3); uint8.

    Raises:
        DatasetError: It cannot be decoded.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DatasetError(f"{path}: cannot be decoded")
    return np.asarray(image, np.uint8)


def read_frames(path: Path, count: int, colour: bool = False) -> list[NDArray[np.uint8]]:
    """Up to ``count`` frames of a clip, evenly spread from its first to its last.

    Raises:
        DatasetError: No frame can be decoded.
    """
    capture = cv2.VideoCapture(str(path))
    frames: list[Any] = []
    while True:
        more, frame = capture.read()
        if not more:
            break
        frames.append(frame)
    capture.release()
    if not frames:
        raise DatasetError(f"{path}: no frame can be decoded")
    picked = np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))
    if colour:
        return [frames[index] for index in picked]
    return [np.asarray(cv2.cvtColor(frames[index], cv2.COLOR_BGR2GRAY), np.uint8) for index in picked]


def read_pictures(row: Row, frames_per_clip: int, colour: bool = False) -> list[NDArray[np.uint8]]:
    """The row's picture, or evenly spread frames if it is a clip."""
    return read_frames(row.path, frames_per_clip, colour) if row.is_clip else [read_image(row.path, colour)]


def read_mask(row: Row, *structures: str) -> NDArray[np.bool_]:
    """Where any of the named structures is, shape of the picture, bool.

    Raises:
        DatasetError: The row has no mask or does not know the structure.
    """
    if row.mask_path is None:
        raise DatasetError(f"{row.path}: has no mask")
    values = cv2.imread(str(row.mask_path), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise DatasetError(f"{row.mask_path}: cannot be decoded")
    codes: list[int] = []
    for structure in structures:
        known = row.extra.get("mask_values", {})
        if structure not in known:
            raise DatasetError(f"{row.mask_path}: no structure {structure!r}; there are {sorted(known)}")
        code = known[structure]
        codes += code if isinstance(code, list) else [code]
    return np.isin(values, codes)


LICENCES: Final[dict[str, tuple[str, str, str]]] = {
    # set: (licence, commercial use of the weights, citation), as far as the sets' SOURCE.md could find out
    "us_lung_pocus": (
        "per item: CC BY 4.0, CC BY-NC 4.0, CC BY-NC-SA 4.0",
        "no",
        "Born et al., Appl. Sci. 2021 11(2):672",
    ),
    "us_breast_busi": ("CC0 1.0 (Kaggle copy)", "yes", "Al-Dhabyani et al., Data in Brief 28:104863, 2020"),
    "us_fetal_hc18": ("CC BY 4.0", "yes", "van den Heuvel et al., PLoS ONE 13(8):e0200412, 2018"),
    "us_cardiac_camus": ("CC BY-NC-SA 4.0, research only", "no", "Leclerc et al., IEEE TMI 38(9):2198-2210, 2019"),
    "us_cardiac_camus_more": ("CC BY-NC-SA 4.0, research only", "no", "Leclerc et al., IEEE TMI 38(9):2198-2210, 2019"),
    "us_liver_xu": ("CC BY 4.0", "yes", "Xu et al., Brief. Bioinform. 24(1):bbac569, 2023; Zenodo 7272660"),
    "us_liver_xu_more": ("CC BY 4.0", "yes", "Xu et al., Brief. Bioinform. 24(1):bbac569, 2023; Zenodo 7272660"),
    "us_nerve_usgra": ("CC BY 4.0", "yes", "tmkand, usgra-seg, 2025"),
    "xr_chest_jsrt": (
        "research use",
        "no",
        "Shiraishi et al., AJR 174:71-74, 2000; van Ginneken et al., Medical Image Analysis 10(1):19-40, 2006",
    ),
    "xr_chest_nih_subset": ("NIH, unrestricted with acknowledgement", "yes", "Wang et al., ChestX-ray8, CVPR 2017"),
    "xr_chest_nih_more": ("NIH, unrestricted with acknowledgement", "yes", "Wang et al., ChestX-ray8, CVPR 2017"),
    "xr_chest_nih64": ("NIH, unrestricted with acknowledgement", "yes", "Wang et al., ChestX-ray8, CVPR 2017"),
    "xr_knee_osail": ("not stated (OAI data use agreement)", "unclear", "Osteoarthritis Initiative; OSAIL KL data set"),
    "xr_knee_osail_more": (
        "not stated (OAI data use agreement)",
        "unclear",
        "Osteoarthritis Initiative; OSAIL KL data set",
    ),
    "xr_bone_break": ("not stated (web images)", "unclear", "pkdarabi, Bone Break Classification, Kaggle"),
    "mednist64_hand": ("RSNA bone age: non-commercial", "no", "Halabi et al., Radiology 290(2):498-503, 2019; MedNIST"),
    "mednist64_ct_mr": ("CC BY-SA 4.0 as far as known", "unclear", "MedNIST, B. J. Erickson, Mayo Clinic"),
    "ood_brain_mri": ("not stated", "unclear", "navoneel, Brain MRI images for brain tumor detection, Kaggle"),
    "ood_natural": ("CC0, CC BY 2.0", "yes", "scikit-image and scikit-learn sample images"),
    "us_screens": ("Apache-2.0 (ITKPOCUS); not stated (VITAL)", "unclear", "ITKPOCUS; vital-ultrasound"),
}


def training_sets(rows: Iterable[Row]) -> tuple[TrainingSet, ...]:
    """The card's account of the rows that a network was trained on, one entry a set.

    Raises:
        DatasetError: A row may not be trained on, or its set has no licence entry.
    """
    counts: dict[str, int] = {}
    for row in rows:
        if row.split == "external" or row.set_name not in LICENCES:
            raise DatasetError(f"{row.path}: set {row.set_name}, split {row.split}: not for training")
        counts[row.set_name] = counts.get(row.set_name, 0) + 1
    return tuple(TrainingSet.model_validate(_licence(name) | {"images": count}) for name, count in counts.items())


def _licence(name: str) -> dict[str, str]:
    licence, commercial_use, cite = LICENCES[name]
    return {"name": name, "licence": licence, "commercial_use": commercial_use, "cite": cite}
