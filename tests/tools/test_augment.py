import numpy as np
import pytest
from fakes.pictures import sector

from tools.training.augment import randomise, shrink


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
