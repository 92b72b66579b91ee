import numpy as np
from fakes.pictures import sector
from numpy.typing import NDArray

from tools.training.spoil import blend, empty_middle, scramble, warp


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


def test_emptied_picture_keeps_its_edge_and_nothing_of_its_middle() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 80)).astype(np.uint8)
    emptied = empty_middle(image, np.random.default_rng(2))
    assert np.array_equal(emptied[0], image[0]) and np.array_equal(emptied[:, -1], image[:, -1])
    middle = slice(10, 50), slice(13, 67)
    assert (
        abs(np.corrcoef(image[middle].ravel(), emptied[middle].ravel() + np.arange(emptied[middle].size) * 1e-9)[0, 1])
        < 0.1
    )
