import numpy as np

from tools.training.nothing import draw_nothing, idle_sector, speckle_phantom
from tools.training.screens import empty_screen, paste_on_screen


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
