import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cad_modules.geometry import fit_ellipse, largest_outline
from tools.training.dataset import DatasetError, Row
from tools.training.segmentation_data import BatchStream, Sample, inset_mask, label_mask, plain_batch
from tools.training.segmentation_settings import SegmentationSettings, settings_of
from tools.training.segmentation_teacher import is_sure


def small_settings() -> SegmentationSettings:
    return replace(settings_of("fetal_head_segmentation"), size=64, batch=3)


def sample(value: int = 200) -> Sample:
    mask = np.zeros((90, 120, 1), np.uint8)
    mask[30:60, 40:80] = 255
    return Sample(np.full((90, 120), value, np.uint8), mask)


@pytest.mark.parametrize("inset", [0.92, 3.0])
def test_an_inset_outline_is_a_circle_with_a_shorter_radius(inset: float) -> None:
    disc = np.zeros((240, 240), np.uint8)
    cv2.circle(disc, (120, 118), 80, 1, -1)

    def radius(probability: np.ndarray) -> float:
        outline = largest_outline((probability / 255).astype(np.float32), 240, 240)
        assert outline is not None
        ellipse = fit_ellipse(outline)
        assert ellipse is not None
        return float(np.sqrt(ellipse.semi_major * ellipse.semi_minor))

    whole, smaller = radius(inset_mask(disc > 0, 0)), radius(inset_mask(disc > 0, inset))
    assert whole - smaller == pytest.approx(inset, abs=0.25)


def test_a_mask_at_the_picture_s_edge_stays_there() -> None:
    cut_off = np.zeros((40, 40), np.bool_)
    cut_off[10:30, :20] = True
    assert inset_mask(cut_off, 2)[20, 0] == 255


def liver_row(folder: Path, label: str, structures: dict[str, int]) -> Row:
    values = np.zeros((40, 50), np.uint8)
    values[5:35, 5:45], values[15:25, 20:30] = 2, 3
    cv2.imwrite(str(folder / "mask.png"), values)
    extra = {"mask_values": structures}
    picture, mask = folder / "picture.png", folder / "mask.png"
    return Row(picture, "us_liver", "us_liver_xu", label, "train", "g", "permissive", mask, None, extra)


def test_a_label_may_be_made_of_structures_and_hold_only_on_some_pictures(tmp_path: Path) -> None:
    settings, structures = settings_of("liver_segmentation"), {"liver_without_mass": 2, "mass": 3}
    malignant = liver_row(tmp_path, "malignant", structures)
    assert label_mask(malignant, "liver", settings).sum() == 30 * 40
    assert label_mask(malignant, "malignant", settings).sum() == label_mask(malignant, "mass", settings).sum() == 100
    benign = liver_row(tmp_path, "benign", structures)
    assert label_mask(benign, "mass", settings).sum() == 100
    assert not label_mask(benign, "malignant", settings).any()
    assert settings.knows("malignant", structures) and not settings.knows("liver", {"mass": 3})
    with pytest.raises(DatasetError, match="no structure 'mass'"):
        label_mask(liver_row(tmp_path, "normal", {"liver_without_mass": 2}), "mass", settings)


def test_a_plain_batch_is_what_the_device_would_see() -> None:
    images, targets = plain_batch([sample(200), sample(0)], small_settings())
    assert images.shape == (2, 64, 64, 1)
    assert images[0].max() == (200 - 128) / 128
    assert images[1].min() == -1
    assert targets.shape == (2, 32, 32, 1)
    assert targets[0].mean() == pytest.approx(30 * 40 / (90 * 120), rel=0.02)


def test_batches_come_without_end_and_the_thread_goes_with_the_stream() -> None:
    before = threading.active_count()
    with BatchStream([sample()], small_settings(), seed=1, ahead=2) as stream:
        batches = iter(stream)
        for _ in range(5):
            images, targets = next(batches)
            assert images.shape == (3, 64, 64, 1)
            assert targets.max() <= 1
    assert threading.active_count() == before


def test_a_fault_in_the_thread_reaches_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("tools.training.segmentation_data.augmented", fail)
    with BatchStream([sample()], small_settings(), seed=1) as stream, pytest.raises(MemoryError, match="no room"):
        next(iter(stream))


def test_a_stream_of_no_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        BatchStream([], small_settings(), seed=1)


def test_a_teacher_is_sure_only_of_whole_structures_that_every_view_shows() -> None:
    whole = np.zeros((64, 64, 1), np.bool_)
    whole[10:40, 10:40] = True
    other = np.roll(whole, 8, axis=0)
    torn = whole.copy()
    torn[50:60, 50:60] = True
    assert is_sure(np.stack([whole, whole]), whole)
    assert not is_sure(np.stack([whole, other]), whole)
    assert not is_sure(np.stack([torn, torn]), torn)
    assert not is_sure(np.stack([~whole & whole] * 2), whole & ~whole)
