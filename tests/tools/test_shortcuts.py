import numpy as np
from fakes.pictures import sector

from tools.evaluation.shortcuts import BORDER, SCREEN, area_on_screen, at_resolution, border_only, compose_on_screen


def test_border_is_kept_and_the_middle_says_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 200, 3)).astype(np.uint8)
    border = border_only(image)
    rows, columns = round(BORDER * 100), round(BORDER * 200)
    assert np.array_equal(border[:rows], image[:rows]) and np.array_equal(border[:, -columns:], image[:, -columns:])
    assert len(np.unique(border[rows : 100 - rows, columns : 200 - columns])) == 1


def test_resolution_is_brought_down_never_up() -> None:
    assert max(at_resolution(np.zeros((300, 400), np.uint8), 64).shape) == 64
    small = np.zeros((30, 40), np.uint8)
    assert at_resolution(small, 64) is small


def test_picture_is_found_again_on_the_drawn_screen() -> None:
    image = np.full((200, 260), 130, np.uint8) + np.random.default_rng(1).integers(0, 60, (200, 260)).astype(np.uint8)
    found = 0
    for seed in range(10):
        screen = compose_on_screen(image, np.random.default_rng(seed))
        assert screen.shape == (*SCREEN, 3)
        area = area_on_screen(screen)
        bright = (screen.min(axis=2) > 110).sum()
        found += bool((area.min(axis=2) > 110).sum() > 0.9 * bright)
    assert found >= 9


def test_screens_differ_and_the_same_state_gives_the_same() -> None:
    image = sector(1)
    first, again, other = (compose_on_screen(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
