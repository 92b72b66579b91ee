import numpy as np
import pytest

from tools.training.segmentation_phantoms import phantoms
from tools.training.segmentation_settings import SETTINGS, SegmentationSettings


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.name)
def test_a_seed_draws_the_same_pictures_and_each_is_another_one(settings: SegmentationSettings) -> None:
    first, again = (phantoms(settings.name, 96, 3, seed=4) for _ in range(2))
    assert first.shape == (3, 96, 96, 1)
    assert (first == again).all()
    assert (first[0] != first[1]).any()
    assert np.ptp(first) > 150
