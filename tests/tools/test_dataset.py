import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.training.dataset import DatasetError, read_mask, read_pictures, read_rows, training_sets

FIELDS = ("file", "category", "label", "split", "group", "licence_class", "mask_file", "mm_per_pixel", "extra")
HEAD = {
    "file": "images/a.png",
    "category": "us_fetal_head",
    "label": "fetal_head",
    "split": "train",
    "group": "patient-1",
    "licence_class": "permissive",
    "mask_file": "masks/a.png",
    "mm_per_pixel": "0.25",
    "extra": json.dumps({"mask_values": {"head": 1, "skull": [2, 3]}}),
}


def write_set(root: Path, *lines: dict[str, str], category: str = "us_fetal_head", name: str = "us_fetal_hc18") -> Path:
    folder = root / category / name
    for sub in ("images", "masks"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, FIELDS)
        table.writeheader()
        table.writerows(lines)
    for line in lines:
        if line["file"].endswith(".png"):
            cv2.imwrite(str(folder / line["file"]), np.full((6, 8), 100, np.uint8))
    return folder


def test_row_carries_what_its_table_says(tmp_path: Path) -> None:
    folder = write_set(tmp_path, HEAD)
    (row,) = read_rows(tmp_path)
    assert row.path == folder / "images/a.png"
    assert (row.category, row.set_name, row.split, row.group) == (
        "us_fetal_head",
        "us_fetal_hc18",
        "train",
        "patient-1",
    )
    assert row.mm_per_pixel == 0.25
    assert row.mask_path == folder / "masks/a.png"
    assert row.extra["mask_values"] == {"head": 1, "skull": [2, 3]}


def test_empty_mask_and_spacing_are_none(tmp_path: Path) -> None:
    write_set(tmp_path, HEAD | {"mask_file": "", "mm_per_pixel": ""})
    (row,) = read_rows(tmp_path)
    assert row.mask_path is None
    assert row.mm_per_pixel is None
    with pytest.raises(DatasetError, match="has no mask"):
        read_mask(row, "head")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("category", "us_kidney"),
        ("split", "training"),
        ("licence_class", "free"),
        ("group", ""),
        ("mm_per_pixel", "wide"),
        ("extra", "{"),
    ],
)
def test_wrong_row_is_refused(tmp_path: Path, field: str, value: str) -> None:
    write_set(tmp_path, HEAD | {field: value})
    with pytest.raises(DatasetError, match=r"labels\.csv, line 2"):
        read_rows(tmp_path)


def test_group_in_two_splits_is_refused(tmp_path: Path) -> None:
    write_set(tmp_path, HEAD, HEAD | {"file": "images/b.png", "split": "test"})
    with pytest.raises(DatasetError, match=r"labels\.csv, line 3: group patient-1 is in train and in test"):
        read_rows(tmp_path)


def test_same_group_name_in_two_sets_is_not_the_same_patient(tmp_path: Path) -> None:
    write_set(tmp_path, HEAD)
    write_set(tmp_path, HEAD | {"split": "test"}, name="other_set")
    assert len(read_rows(tmp_path)) == 2


def test_missing_picture_and_missing_data_are_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path, HEAD)
    (folder / "images/a.png").unlink()
    with pytest.raises(DatasetError, match=r"images/a\.png is missing"):
        read_rows(tmp_path)
    with pytest.raises(DatasetError, match="--data"):
        read_rows(tmp_path / "nowhere")


def test_mask_joins_the_values_of_the_named_structures(tmp_path: Path) -> None:
    folder = write_set(tmp_path, HEAD)
    cv2.imwrite(str(folder / "masks/a.png"), np.array([[0, 1, 2, 3]], np.uint8))
    (row,) = read_rows(tmp_path)
    assert read_mask(row, "head").tolist() == [[False, True, False, False]]
    assert read_mask(row, "head", "skull").tolist() == [[False, True, True, True]]
    with pytest.raises(DatasetError, match="no structure 'lung'"):
        read_mask(row, "lung")


def test_clip_gives_evenly_spread_frames(tmp_path: Path) -> None:
    folder = write_set(tmp_path, HEAD | {"file": "images/a.mp4", "mask_file": ""})
    writer = cv2.VideoWriter(str(folder / "images/a.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 64))
    for level in range(0, 210, 10):
        writer.write(np.full((64, 64, 3), level, np.uint8))
    writer.release()
    (row,) = read_rows(tmp_path)
    frames = read_pictures(row, 3)
    assert len(frames) == 3
    assert [round(float(frame.mean()), -1) for frame in frames] == pytest.approx([0, 100, 200], abs=10)
    assert read_pictures(row, 2, colour=True)[0].shape == (64, 64, 3)


def test_external_pictures_cannot_be_listed_as_training_data(tmp_path: Path) -> None:
    write_set(tmp_path, HEAD | {"split": "external"})
    with pytest.raises(DatasetError, match="not for training"):
        training_sets(read_rows(tmp_path))


def test_training_sets_count_the_pictures_of_each_set(tmp_path: Path) -> None:
    write_set(tmp_path, HEAD, HEAD | {"file": "images/b.png"})
    (entry,) = training_sets(read_rows(tmp_path))
    assert (entry.name, entry.images, entry.commercial_use) == ("us_fetal_hc18", 2, "yes")
    assert "CC BY 4.0" in entry.licence
