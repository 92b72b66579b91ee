import numpy as np
import pytest

from cad_modules.contract import AnalysisContext, Findings, UnsuitableImage
from cad_modules.lung_opacity import MODULE
from cad_modules.lung_opacity.analyze import probability
from models.bundle import Prediction

PICTURE = (700, 760)
PLACES = 14


@pytest.fixture
def analysed(draw_ellipse):
    """Analyses a drawn chest with an opacity at places (rows, columns) of the network's map."""

    def analyse(*where, mirrored: bool = False, **changes: np.ndarray) -> Findings:
        drawn = {
            "lung_right": draw_ellipse(PICTURE, 210, 350, 100, 230),
            "lung_left": draw_ellipse(PICTURE, 550, 350, 90, 220),
            "heart": draw_ellipse(PICTURE, 410, 450, 120, 100),
        }
        maps = drawn | changes
        chance = np.full((PLACES, PLACES, 2), 0.03, np.float32)
        for place in where:
            chance[(*place, 0)] = 0.95
        chance[..., 1] = 0.95 if mirrored else 0.03
        answers = {
            "chest_segmentation": Prediction(tuple(maps), np.stack(list(maps.values()), axis=-1)),
            "lung_opacity": Prediction(("opacity", "mirrored"), chance),
        }
        image = np.random.default_rng(2).integers(20, 200, PICTURE).astype(np.uint8)
        return MODULE.analyze(image, AnalysisContext("xr_chest", answers.__getitem__))

    return analyse


def test_an_opacity_raises_its_own_side(analysed, values) -> None:
    clear, right, left = values(analysed()), values(analysed(np.s_[6:9, 2:5])), values(analysed(np.s_[6:9, 9:12]))
    assert clear["opacity_probability"] < 0.1
    assert right["opacity_probability"] > 0.7
    assert right["opacity_probability_right"] > 0.7 > 0.1 > right["opacity_probability_left"]
    assert left["opacity_probability_left"] > 0.7 > 0.1 > left["opacity_probability_right"]


def test_what_lies_outside_of_the_chest_does_not_count(analysed, values) -> None:
    assert values(analysed(np.s_[:1, :])) == values(analysed())
    assert values(analysed(np.s_[:, -1:])) == values(analysed())


def test_the_heat_map_covers_the_picture_and_is_dark_outside_of_the_chest(analysed) -> None:
    (heat,) = analysed(np.s_[6:9, 2:5], np.s_[:1, :]).overlays
    shown = np.array(heat.values)
    assert heat.points == ((-0.5, -0.5), (759.5, 699.5))
    assert shown.shape == (PLACES, PLACES)
    assert shown[7, 3] == pytest.approx(0.95)
    assert shown[0].max() == 0


def test_a_mirrored_chest_is_doubtful(analysed) -> None:
    assert analysed().doubt == ""
    assert "wrong side" in analysed(mirrored=True).doubt


def test_a_lung_that_is_not_seen_is_doubtful_and_not_unsuitable(analysed) -> None:
    answer = analysed(lung_left=np.full((256, 256), 0.001, np.float32))
    assert "left lung is not visible" in answer.doubt
    assert len(answer.findings) == 3


def test_a_lung_that_is_cut_off_is_doubtful(analysed, draw_ellipse) -> None:
    answer = analysed(lung_left=draw_ellipse(PICTURE, 760, 350, 130, 230))
    assert "left lung is cut off" in answer.doubt


def test_what_is_no_chest_is_unsuitable(analysed) -> None:
    noise = np.random.default_rng(7).random((256, 256)).astype(np.float32)
    with pytest.raises(UnsuitableImage):
        analysed(lung_right=noise, lung_left=noise, heart=noise)


def test_pooling_lies_between_the_mean_and_the_largest_place() -> None:
    chance = np.full((4, 4), 0.1)
    chance[0, 0] = 0.9
    places = np.ones((4, 4))
    lowest, highest = probability(np.full((4, 4), 0.1), places), probability(chance[:1, :1], places[:1, :1])
    assert lowest < probability(chance, places) < highest
