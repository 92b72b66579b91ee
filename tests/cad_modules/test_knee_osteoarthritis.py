import cv2
import numpy as np
import pytest

from cad_modules.contract import AnalysisContext, Findings, UnsuitableImage
from cad_modules.knee_osteoarthritis import MODULE
from models.bundle import Prediction
from tools.training.radiograph_settings import SETTINGS

LABELS = SETTINGS["knee_osteoarthritis"].labels


def drawn_knee() -> np.ndarray:
    """Two bones with a dark gap between them."""
    image = np.full((224, 224), 60, np.float32)
    image[:118, 20:204] = image[130:, 20:204] = 160
    noise = np.random.default_rng(3).normal(0, 4, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 1.2) + noise, 0, 255).astype(np.uint8)


KNEE = drawn_knee()


def analysed(logits: tuple[float, ...], image: np.ndarray = KNEE) -> Findings:
    prediction = Prediction(LABELS, np.array(logits, np.float32))
    return MODULE.analyze(image, AnalysisContext("xr_knee", lambda name: prediction))


@pytest.mark.parametrize(
    ("logits", "grade"),
    [((-9, -9, -9, -9), 0), ((9, -9, -9, -9), 1), ((9, 9, -9, -9), 2), ((9, 9, 9, -9), 3), ((9, 9, 9, 9), 4)],
)
def test_the_grade_is_how_many_are_reached(logits: tuple[float, ...], grade: int) -> None:
    found = {finding.feature: finding for finding in analysed(logits).findings}
    assert found["kl_grade"].value == grade
    assert found["kl_grade"].interval == (grade, grade)
    assert found["kl_grade_expected"].value == pytest.approx(grade, abs=0.01)
    assert found["oa_probability"].value == pytest.approx(float(grade >= 2), abs=0.01)


def test_an_unsure_network_gives_an_interval_around_the_grade() -> None:
    grade = analysed((3, 0.5, -0.5, -3)).findings[0]
    assert grade.value == 2
    assert grade.interval == (1, 3)


def test_no_grade_is_reached_more_surely_than_the_one_below_it() -> None:
    found = {finding.feature: finding.value for finding in analysed((-2, 4, -2, -2)).findings}
    assert found["oa_probability"] == pytest.approx(1 / (1 + np.exp(2)))


def test_a_picture_of_more_than_the_joint_is_doubtful() -> None:
    assert analysed((1, 0, -1, -2)).doubt == ""
    assert "not cut to one knee" in analysed((1, 0, -1, -2), np.tile(KNEE, (2, 1))).doubt


def test_a_picture_without_a_joint_space_is_doubtful() -> None:
    shaft = np.tile(np.linspace(40, 200, 224).astype(np.uint8), (224, 1))
    assert "no frontal knee" in analysed((1, 0, -1, -2), shaft).doubt


@pytest.mark.parametrize("image", [np.full((300, 300), 90, np.uint8), KNEE[:80]], ids=["blank", "small"])
def test_what_shows_no_knee_is_unsuitable(image: np.ndarray) -> None:
    with pytest.raises(UnsuitableImage):
        analysed((1, 0, -1, -2), image)
