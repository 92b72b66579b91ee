from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tools.training.segmentation_appearance import change
from tools.training.segmentation_augment import augmented, coverage
from tools.training.segmentation_settings import SETTINGS, Augmentation, SegmentationSettings

SIZE = 128
DISC_RADIUS = 60
SHAPE_ONLY = Augmentation(
    rotation_degree=25,
    smallest_zoom=0.5,
    largest_zoom=1.3,
    aspect=0.2,
    shift=0.1,
    flip_probability=0.5,
    bend=0.01,
    invert_probability=0,
    ultrasound=True,
)


def disc() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    mask = np.zeros((300, 400), np.uint8)
    cv2.circle(mask, (170, 140), DISC_RADIUS, 255, -1, cv2.LINE_AA)
    return mask.copy(), mask[:, :, np.newaxis]


@pytest.mark.parametrize("seed", range(12))
def test_the_mask_lies_where_the_structure_went(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.training.segmentation_appearance.change", lambda image, *_: image)
    image, masks = disc()
    moved, target = augmented(image, masks, SIZE, SHAPE_ONLY, np.random.default_rng(seed))
    seen = cv2.resize(moved, (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA).astype(float)
    # The border of the picture may be gray up to 40; the disc is white.
    assert np.abs(seen - target[:, :, 0])[seen > 128].mean() < 8
    assert abs(int((seen > 128).sum()) - int((target[:, :, 0] > 128).sum())) < 0.03 * (seen > 128).sum() + 3


def test_two_pictures_are_changed_differently_and_a_seed_repeats_them() -> None:
    image, masks = disc()
    first, second, again = (
        augmented(image, masks, SIZE, SHAPE_ONLY, np.random.default_rng(seed))[0] for seed in (1, 2, 1)
    )
    assert (first == again).all()
    assert (first != second).any()


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.name)
def test_any_picture_keeps_its_type_and_gets_the_network_s_size(settings: SegmentationSettings) -> None:
    rng = np.random.default_rng(3)
    for shape in ((300, 400), (512, 512), (96, 500)):
        image = rng.integers(0, 256, shape, np.uint8)
        masks = rng.integers(0, 2, (*shape, len(settings.labels)), np.uint8) * np.uint8(255)
        for _ in range(20):
            changed, target = augmented(image, masks, 64, settings.augmentation, rng)
            assert changed.shape == (64, 64)
            assert changed.dtype == np.uint8
            assert target.shape == (32, 32, len(settings.labels))


def test_changing_the_look_leaves_the_given_picture_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8)
    before = image.copy()
    for settings in SETTINGS:
        for seed in range(20):
            change(image, settings.augmentation, np.random.default_rng(seed))
    assert (image == before).all()


def test_an_unflipped_chest_keeps_its_right_side_on_the_left() -> None:
    chest = next(settings for settings in SETTINGS if settings.name == "chest_segmentation")
    masks = np.zeros((256, 256, 3), np.uint8)
    masks[100:150, 60:100, 0] = 255
    masks[100:150, 150:190, 1] = 255
    rng = np.random.default_rng(5)
    for _ in range(40):
        _, target = augmented(masks[:, :, 2].copy(), masks, 64, chest.augmentation, rng)
        right, left = (np.nonzero(target[:, :, k] > 128)[1] for k in (0, 1))
        assert right.mean() < left.mean()


def test_a_sided_radiograph_that_may_be_flipped_is_refused() -> None:
    chest = next(settings for settings in SETTINGS if settings.name == "chest_segmentation")
    with pytest.raises(ValueError, match="flipped"):
        replace(chest, augmentation=replace(chest.augmentation, flip_probability=0.5))


def test_an_input_that_cannot_be_halved_five_times_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        replace(SETTINGS[0], size=250)


def test_half_a_covered_pixel_is_one_half() -> None:
    mask = np.zeros((8, 8, 1), np.uint8)
    mask[:, :5] = 255
    assert coverage(mask, 4)[0, :, 0].tolist() == [255, 255, 128, 0]
