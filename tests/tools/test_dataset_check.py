import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.training.dataset import DatasetError, Row, read_rows
from tools.training.dataset_check import FEWEST_GROUPS, check_groups, check_masks

FIELDS = ("file", "category", "label", "split", "group", "licence_class", "mask_file", "mm_per_pixel", "extra")


def write_set(root: Path, category: str, groups: int, split: str = "train", mask: bool = False) -> list[Row]:
    """A set of ``groups`` patients with one picture of 6 x 8 pixels each."""
    folder = root / category / f"{category}_set"
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(FIELDS)
        for number in range(groups):
            name = f"images/{number}.png"
            cv2.imwrite(str(folder / name), np.full((6, 8), 100, np.uint8))
            mask_file = f"images/mask{number}.png" if mask else ""
            if mask:
                cv2.imwrite(str(folder / mask_file), np.zeros((6, 8), np.uint8))
            table.writerow([name, category, "x", split, f"p{number}", "permissive", mask_file, "", "{}"])
    return read_rows(root)


def test_enough_groups_and_fitting_masks_pass(tmp_path: Path) -> None:
    rows = write_set(tmp_path, "us_liver", FEWEST_GROUPS, mask=True)
    check_groups(rows, ["us_liver"])
    check_masks(rows)


def test_category_with_too_few_groups_is_named_with_its_sets(tmp_path: Path) -> None:
    rows = write_set(tmp_path, "us_liver", FEWEST_GROUPS - 1)
    with pytest.raises(DatasetError, match=r"us_liver: 19 groups .*us_liver_set"):
        check_groups(rows, ["us_liver"])


def test_many_pictures_of_few_patients_do_not_count_as_groups(tmp_path: Path) -> None:
    rows = write_set(tmp_path, "us_liver", 3) * 20
    with pytest.raises(DatasetError, match="us_liver: 3 groups"):
        check_groups(rows, ["us_liver"])


def test_groups_of_other_splits_and_absent_categories_do_not_count(tmp_path: Path) -> None:
    rows = write_set(tmp_path, "us_liver", FEWEST_GROUPS, split="test")
    with pytest.raises(DatasetError, match=r"us_liver: 0 groups.*us_nerve: 0 groups.*no set below us_nerve/"):
        check_groups(rows, ["us_liver", "us_nerve"])


def test_mask_of_another_size_is_named_with_its_row(tmp_path: Path) -> None:
    rows = write_set(tmp_path, "us_liver", 2, mask=True)
    cv2.imwrite(str(rows[1].mask_path), np.zeros((6, 9), np.uint8))
    with pytest.raises(DatasetError, match=r"labels\.csv, line 3: mask .*\(6, 9\).*\(6, 8\)"):
        check_masks(rows)


def test_mask_in_colour_is_refused(tmp_path: Path) -> None:
    rows = write_set(tmp_path, "us_liver", 1, mask=True)
    cv2.imwrite(str(rows[0].mask_path), np.zeros((6, 8, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"\(6, 8, 3\)"):
        check_masks(rows)


def test_missing_and_damaged_masks_are_told_apart(tmp_path: Path) -> None:
    rows = write_set(tmp_path, "us_liver", 1, mask=True)
    mask = rows[0].mask_path
    assert mask is not None
    mask.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"line 2: .* cannot be decoded"):
        check_masks(rows)
    mask.unlink()
    with pytest.raises(DatasetError, match=r"line 2: .* is missing"):
        check_masks(rows)
