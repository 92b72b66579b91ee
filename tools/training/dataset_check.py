"""What has to hold of a data folder before hours of training are spent on it."""

from collections.abc import Iterable
from typing import Final

import cv2

from tools.training.dataset import DatasetError, Row, read_pictures

FEWEST_GROUPS: Final = 20
"""A category with fewer patients or look-alike clusters to learn from teaches those, not the category."""


def check_groups(rows: Iterable[Row], categories: Iterable[str]) -> None:
    """Every category has enough groups in the training split.

    Raises:
        DatasetError: Names each category that has not, and the tables that its pictures are in.
    """
    groups: dict[str, set[tuple[str, str]]] = {category: set() for category in categories}
    for row in rows:
        if row.split == "train" and row.category in groups:
            groups[row.category].add((row.set_name, row.group))
    problems = []
    for category, found in groups.items():
        if len(found) < FEWEST_GROUPS:
            sets = ", ".join(sorted({name for name, _ in found})) or f"no set below {category}/"
            problems.append(f"{category}: {len(found)} groups in the training split, at least {FEWEST_GROUPS} ({sets})")
    if problems:
        raise DatasetError("too few groups to learn from: " + "; ".join(problems))


def check_masks(rows: Iterable[Row]) -> None:
    """Every mask is there, can be decoded and has the size of its picture.

    Raises:
        DatasetError: Names the first row whose mask is not so.
    """
    for row in rows:
        if row.mask_path is None:
            continue
        mask = cv2.imread(str(row.mask_path), cv2.IMREAD_UNCHANGED)
        if mask is None:
            state = "cannot be decoded" if row.mask_path.is_file() else "is missing"
            raise DatasetError(f"{row.place}: mask {row.mask_path} {state}")
        height, width = read_pictures(row, 1)[0].shape
        if mask.shape != (height, width):
            raise DatasetError(
                f"{row.place}: mask {row.mask_path} has shape {mask.shape}, its picture {row.path} {(height, width)}"
            )
