import numpy as np
from fakes.pictures import sector

from tools.training.vendor import change_vendor, crop_around, match_levels


def test_levels_of_the_other_picture_are_taken_over() -> None:
    dark, bright = np.arange(100, dtype=np.uint8).reshape(10, 10), np.arange(100, 200, dtype=np.uint8).reshape(10, 10)
    assert np.array_equal(match_levels(dark, bright, 1.0), bright)
    assert np.array_equal(match_levels(dark, bright, 0.0), dark)
    assert np.array_equal(match_levels(dark, bright, 0.5), dark + 50)


def test_same_state_gives_the_same_vendor_and_another_gives_another() -> None:
    image, other = sector(1), sector(2)
    made = [change_vendor(image, other, np.random.default_rng(seed)) for seed in (4, 4, 5)]
    assert np.array_equal(made[0], made[1])
    assert made[0].shape != made[2].shape or not np.array_equal(made[0], made[2])


def test_cut_holds_the_middle_of_the_finding() -> None:
    image = np.zeros((200, 300), np.uint8)
    finding = np.zeros(image.shape, bool)
    finding[90:120, 200:260] = True
    image[105, 230] = 255
    for seed in range(30):
        cut = crop_around(image, finding, np.random.default_rng(seed))
        assert cut.max() == 255
        assert cut.size < image.size


def test_picture_without_finding_is_not_cut() -> None:
    image = sector(1)
    assert crop_around(image, np.zeros(image.shape, bool), np.random.default_rng(0)) is image
