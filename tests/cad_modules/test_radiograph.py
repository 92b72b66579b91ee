from pathlib import Path

import cv2
import numpy as np
import pytest

from cad_modules.contract import AnalysisContext, CadModule, Finding, Findings, Image
from cad_modules.radiograph import is_inverted, polarity_doubt, reduced, usual_polarity
from cad_modules.runtime import Runtime, run_module
from models.bundle import Prediction


def drawn_leg(height: int = 500, width: int = 300) -> np.ndarray:
    image = np.full((height, width), 15, np.float32)
    cv2.rectangle(image, (70, 0), (230, height), 90, cv2.FILLED)
    cv2.rectangle(image, (120, 0), (180, height), 210, cv2.FILLED)
    noise = np.random.default_rng(8).normal(0, 4, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 2) + noise, 0, 255).astype(np.uint8)


def test_an_inverted_radiograph_is_turned_and_said_to_be() -> None:
    leg = drawn_leg()
    assert not is_inverted(leg, "xr_extremity")
    assert usual_polarity(leg, "xr_extremity") is leg
    assert polarity_doubt(leg, "xr_extremity") == ""
    assert (usual_polarity(255 - leg, "xr_extremity") == leg).all()
    assert "turned" in polarity_doubt(255 - leg, "xr_extremity")


def test_a_coloured_copy_is_turned_too() -> None:
    leg = cv2.cvtColor(drawn_leg(), cv2.COLOR_GRAY2BGR)
    assert (usual_polarity(255 - leg, "xr_extremity") == leg).all()


def test_an_ultrasound_picture_is_never_turned() -> None:
    picture = 255 - drawn_leg()
    assert usual_polarity(picture, "us_liver") is picture


@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_blank_picture_is_left_alone(level: int) -> None:
    blank = np.full((300, 200), level, np.uint8)
    assert usual_polarity(blank, "xr_chest") is blank


def test_reduced_pictures_keep_their_shape_and_small_ones_their_pixels() -> None:
    assert reduced(np.zeros((2000, 1000), np.uint8)).shape == (256, 128)
    small = drawn_leg()[:100, :90]
    assert reduced(small) is small


class SeesBundle:
    """Stands for a bundle and keeps what it was given."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def infer(self, image: np.ndarray) -> Prediction:
        self.seen.append(image)
        return Prediction(("one",), np.zeros(1, np.float32))


def test_networks_get_the_usual_gray_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leg, bundle, runtime = drawn_leg(), SeesBundle(), Runtime([tmp_path])
    monkeypatch.setattr(runtime, "bundle", lambda name: bundle)
    runtime.context_for(255 - leg, "xr_extremity").infer("any")
    runtime.context_for(255 - leg, "us_liver").infer("any")
    assert (bundle.seen[0] == leg).all()
    assert (bundle.seen[1] == 255 - leg).all()


def test_a_doubtful_finding_stays_ok_and_says_why() -> None:
    def analyze(image: Image, context: AnalysisContext) -> Findings:
        return Findings((Finding("score", 1.0, "1"),), doubt=polarity_doubt(image, context.category))

    module = CadModule("sample", "1.0.0", "A sample", ("xr_extremity",), {"score": "1"}, analyze)
    context = AnalysisContext("xr_extremity", lambda name: pytest.fail(name))
    good, doubtful = (run_module(module, image, context) for image in (drawn_leg(), 255 - drawn_leg()))
    assert (good.status, good.reason) == ("ok", "")
    assert (doubtful.status, doubtful.reason) == ("ok", "doubtful: the picture shows bone black and was turned")
