import csv
from collections import Counter
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.preprocessing import network_input
from tools.training.dataset import read_rows
from tools.training.router_batches import (
    LABELS,
    REJECT_WEIGHT,
    BatchPlan,
    Pictures,
    batches,
    load_pictures,
    make_batch,
    to_network,
    without_needless_colour,
)


@pytest.fixture
def pictures() -> Pictures:
    """Every label has a set of one gray level; chests have a second set."""
    plain: Pictures = {
        label: {f"{label}_set": [np.full((40, 40), 20 * number, np.uint8)]} for number, label in enumerate(LABELS)
    }
    plain["xr_chest"]["other_set"] = [np.full((40, 40), 255, np.uint8)] * 50
    return plain


def test_batch_depends_on_seed_and_number_alone(pictures: Pictures) -> None:
    images, labels = make_batch(pictures, 3, 7, 8, 32)
    again = make_batch(pictures, 3, 7, 8, 32)
    assert images.shape == (8, 32, 32, 3) and images.dtype == np.uint8
    assert np.array_equal(images, again[0]) and np.array_equal(labels, again[1])
    assert not np.array_equal(images, make_batch(pictures, 3, 8, 8, 32)[0])
    assert not np.array_equal(images, make_batch(pictures, 4, 7, 8, 32)[0])


def test_labels_are_drawn_by_their_weight_whatever_their_number_of_pictures(pictures: Pictures) -> None:
    _, labels = make_batch(pictures, 1, 0, 2800, 32)
    counts = Counter(labels.tolist())
    for index in range(9):
        assert counts[index] == pytest.approx(200, abs=60)
    assert counts[9] == pytest.approx(200 * REJECT_WEIGHT, abs=90)


def test_network_sees_in_training_what_it_sees_on_the_device() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 130, 3)).astype(np.uint8)
    for picture in (image, image[:, :, 0].copy()):
        on_device = network_input(picture, 64, 64, "rgb")[0].astype(int) + 128
        assert np.array_equal(to_network(picture, 64), on_device)


def test_only_pictures_with_colour_stay_in_colour() -> None:
    gray = np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)
    assert without_needless_colour(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)).ndim == 2
    assert without_needless_colour(np.dstack([gray, 255 - gray, gray])).ndim == 3


def write_data(root: Path) -> None:
    """One picture for each label, and one of the test split with another gray level."""
    for number, label in enumerate(LABELS):
        folder = root / label / f"{label}_set"
        (folder / "images").mkdir(parents=True)
        with (folder / "labels.csv").open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(
                ["file", "category", "label", "split", "group", "licence_class", "mask_file", "mm_per_pixel", "extra"]
            )
            for split in ("train", "test"):
                table.writerow([f"images/{split}.png", label, "x", split, f"{split}-1", "permissive", "", "", "{}"])
                level = number * 10 + (1 if split == "test" else 0)
                cv2.imwrite(str(folder / f"images/{split}.png"), np.full((32, 32), level, np.uint8))


def test_processes_make_the_same_batches_as_one_and_only_of_the_train_split(tmp_path: Path) -> None:
    write_data(tmp_path)
    train = load_pictures(row for row in read_rows(tmp_path) if row.split == "train")
    assert {int(image.max()) % 10 for sets in train.values() for images in sets.values() for image in images} == {0}
    with closing(batches(BatchPlan(tmp_path, 5, 4, 32), start=2, ahead=3)) as feed:
        for number in (2, 3, 4, 5):
            images, labels = next(feed)
            expected = make_batch(train, 5, number, 4, 32)
            assert np.array_equal(images, expected[0]) and np.array_equal(labels, expected[1])


def test_process_that_cannot_read_the_data_ends_the_run(tmp_path: Path) -> None:
    feed = batches(BatchPlan(tmp_path / "nowhere", 5, 4, 32), start=0, ahead=2)
    with closing(feed), pytest.raises(BrokenProcessPool):
        next(feed)
