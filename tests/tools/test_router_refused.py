import cv2
import numpy as np
import pytest
from fakes.pictures import sector

from cad_modules.contract import CATEGORIES
from tools.training import tissue
from tools.training.organ_scene import HEIGHT, WIDTH
from tools.training.other_pictures import draw_other
from tools.training.router_batches import draw_sample
from tools.training.router_refused import KINDS, NO_ORGANS, Organs, Pictures, refuse
from tools.training.unknown_organs import draw_organ


@pytest.fixture
def pictures() -> Pictures:
    """Two drawn pictures of every category, in one set each."""
    return {
        category: {"one_set": [sector(2 * number), sector(2 * number + 1)]}
        for number, category in enumerate(CATEGORIES)
    } | {"reject": {}}


@pytest.fixture
def organs(pictures: Pictures) -> Organs:
    """Of each category one picture with an organ in its left half."""
    left = np.zeros(sector(0).shape, bool)
    left[:, : left.shape[1] // 2] = True
    return {category: [(pictures[category]["one_set"][0], left)] for category in CATEGORIES}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_gives_pictures_that_differ_and_are_the_same_for_the_same_state(
    kind: str, pictures: Pictures, organs: Organs
) -> None:
    first, second = (refuse(pictures, organs, np.random.default_rng(seed), kind)[0] for seed in (1, 2))
    again, _ = refuse(pictures, organs, np.random.default_rng(1), kind)
    assert first.dtype == np.uint8 and min(first.shape[:2]) >= 8
    assert np.array_equal(first, again)
    assert first.shape != second.shape or not np.array_equal(first, second)


def test_kinds_that_need_masks_are_left_out_without_them(pictures: Pictures) -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        assert refuse(pictures, NO_ORGANS, rng)[0].size


def test_training_pictures_stay_as_they_are(pictures: Pictures, organs: Organs) -> None:
    before = {category: [image.copy() for image in sets.get("one_set", [])] for category, sets in pictures.items()}
    rng = np.random.default_rng(0)
    for _ in range(80):
        draw_sample(pictures, rng, 32, organs)
    for category, images in before.items():
        for old, new in zip(images, pictures[category].get("one_set", []), strict=True):
            assert np.array_equal(old, new)


def test_label_without_pictures_is_never_drawn(pictures: Pictures) -> None:
    rng = np.random.default_rng(0)
    labels = {draw_sample(pictures | {"us_liver": {}}, rng, 32)[1] for _ in range(150)}
    assert CATEGORIES.index("us_liver") not in labels
    assert len(labels) == len(CATEGORIES)  # the others, and reject


def test_painting_over_changes_the_organ_and_leaves_the_rest() -> None:
    image = np.full((100, 120), 80, np.uint8)
    organ = np.zeros(image.shape, bool)
    organ[30:60, 20:60] = True
    image[organ] = 200
    painted = tissue.paint_over(image, organ, np.full((30, 30), 60, np.uint8), np.random.default_rng(0))
    assert painted[35:55, 25:55].max() < 130  # as bright as the tissue around it
    assert np.array_equal(painted[:, 90:], image[:, 90:])


def test_piece_beside_the_organ_shows_hardly_any_of_it() -> None:
    rng = np.random.default_rng(0)
    image = np.full((100, 200), 50, np.uint8)
    organ = np.zeros(image.shape, bool)
    organ[:, :100] = True
    image[organ] = 250
    found = [piece for _ in range(20) if (piece := tissue.beside(image, organ, rng)) is not None]
    assert found
    assert all((piece == 250).mean() < 0.05 for piece in found)


def test_nothing_is_found_beside_an_organ_that_fills_the_picture() -> None:
    image = np.full((60, 60), 90, np.uint8)
    assert tissue.beside(image, np.ones(image.shape, bool), np.random.default_rng(0)) is None


def test_scattered_phases_keep_the_mean_and_lose_the_outline() -> None:
    image = np.zeros((128, 160), np.uint8)
    cv2.circle(image, (80, 64), 40, 200, -1)
    rng = np.random.default_rng(3)
    scattered = [tissue.scatter_phases(image, rng) for _ in range(5)]
    likeness = [abs(np.corrcoef(image.ravel(), one.ravel())[0, 1]) for one in scattered]
    assert max(likeness) < 0.9
    assert np.mean(likeness) < 0.5


def test_drawn_organ_keeps_the_ground_it_lies_on_at_the_edges() -> None:
    rng = np.random.default_rng(1)
    ground = rng.integers(40, 90, (HEIGHT, WIDTH)).astype(np.uint8)
    kept = [np.abs(draw_organ(rng, ground).astype(int) - ground)[-8:, :8].mean() for _ in range(30)]
    changed = [np.abs(draw_organ(rng, ground).astype(int) - ground).mean() for _ in range(30)]
    assert np.median(kept) < 3 < np.median(changed)


def test_other_machines_differ_from_one_another() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_other(rng) for _ in range(12)]
    assert all(image.ndim == 3 and image.std() > 3 for image in drawn)
    assert len({image.tobytes() for image in drawn}) == 12
