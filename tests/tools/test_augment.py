import numpy as np
import pytest
from fakes.pictures import sector
from numpy.typing import NDArray

from tools.training.augment import randomise, shrink
from tools.training.nothing import draw_nothing, idle_sector, speckle_phantom
from tools.training.screens import empty_screen, paste_on_screen
from tools.training.spoil import blend, scramble, warp


@pytest.mark.parametrize("radiograph", [False, True])
def test_same_seed_gives_the_same_pixels_and_another_seed_others(radiograph: bool) -> None:
    image = sector()
    variants = [
        [randomise(image, np.random.default_rng(seed), radiograph=radiograph) for _ in range(2)] for seed in range(40)
    ]
    for first, second in variants:
        assert first.tobytes() == second.tobytes()
    assert len({first.tobytes() for first, _ in variants}) == 40


@pytest.mark.parametrize("shape", [(17, 23), (64, 64), (64, 64, 3), (300, 40), (40, 300, 3), (700, 900, 3)])
def test_pictures_of_any_size_stay_uint8_bgr_and_the_given_one_is_untouched(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(5).integers(0, 256, shape).astype(np.uint8)
    before = image.copy()
    image.setflags(write=False)
    for seed in range(60):
        changed = randomise(image, np.random.default_rng(seed), radiograph=seed % 2 == 0)
        assert changed.dtype == np.uint8
        assert changed.ndim == 3 and changed.shape[2] == 3 and min(changed.shape[:2]) >= 8
    assert np.array_equal(image, before)


def test_radiographs_are_inverted_about_every_fourth_time_and_ultrasound_hardly_ever() -> None:
    image = np.full((200, 200), 10, np.uint8)

    def share_bright(radiograph: bool) -> float:
        medians = [
            np.median(randomise(image, np.random.default_rng(seed), radiograph=radiograph)) for seed in range(400)
        ]
        return float(np.mean(np.array(medians) > 170))

    assert 0.1 < share_bright(True) < 0.4
    assert share_bright(False) < 0.12


def test_shrinking_keeps_the_aspect_and_never_enlarges() -> None:
    assert shrink(np.zeros((400, 200), np.uint8), 100).shape == (100, 50)
    assert shrink(np.zeros((40, 20), np.uint8), 100).shape == (40, 20)


def test_screen_holds_the_pasted_picture() -> None:
    image = np.zeros((120, 160, 3), np.uint8)
    image[:] = (10, 200, 30)
    for seed in range(20):
        screen = paste_on_screen(image, np.random.default_rng(seed))
        covered = (np.abs(screen.astype(int) - (10, 200, 30)).sum(axis=2) < 12).mean()
        assert 0.05 < covered < 0.99


def test_drawn_screens_and_rejects_repeat_with_their_seed() -> None:
    for draw in (empty_screen, draw_nothing, speckle_phantom, idle_sector):
        for seed in range(40):
            first, second = draw(np.random.default_rng(seed)), draw(np.random.default_rng(seed))
            assert first.dtype == np.uint8 and first.ndim == 3
            assert np.array_equal(first, second)


def test_scrambling_moves_tiles_but_keeps_every_pixel() -> None:
    image = np.arange(60 * 60, dtype=np.uint32).reshape(60, 60)  # every value once; 60 is a multiple of 3, 4 and 5
    scrambled: NDArray[np.uint32] = scramble(image, np.random.default_rng(2))  # type: ignore[arg-type,assignment]
    assert np.array_equal(np.sort(scrambled, axis=None), np.sort(image, axis=None))
    assert (scrambled != image).mean() > 0.5


def test_warping_moves_the_anatomy_and_keeps_the_gray_levels() -> None:
    image = sector()
    for seed in range(10):
        warped = warp(image, np.random.default_rng(seed))
        assert warped.shape == image.shape and warped.dtype == np.uint8
        assert warped.max() <= image.max()
        assert np.abs(warped.astype(int) - image).mean() > 8
        assert np.array_equal(warped, warp(image, np.random.default_rng(seed)))


def test_blend_shows_both_pictures() -> None:
    first, second = np.zeros((40, 60), np.uint8), np.zeros((50, 30, 3), np.uint8)
    first[:20], second[25:] = 200, 50
    for seed in range(20):
        blended = blend(first, second, np.random.default_rng(seed))
        assert blended.shape == (40, 60, 3)
        upper, lower = blended[:15].mean(), blended[25:].mean()
        assert 70 < upper < 130
        assert 20 < lower < 130
    assert first.max() == 200
