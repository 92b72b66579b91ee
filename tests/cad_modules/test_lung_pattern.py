import numpy as np
import pytest

from cad_modules.contract import AnalysisContext, UnsuitableImage
from cad_modules.lung_pattern import MODULE
from models.bundle import Prediction

IMAGE = np.random.default_rng(3).integers(20, 140, (200, 220)).astype(np.uint8)


def context(logit: float) -> AnalysisContext:
    return AnalysisContext("us_lung", lambda name: Prediction(("pathological",), np.array([logit], np.float32)))


@pytest.mark.parametrize(("logit", "probability"), [(0, 0.5), (2, 0.8808), (-2, 0.1192), (-900, 0.0)])
def test_the_logit_becomes_a_probability(logit: float, probability: float) -> None:
    (finding,) = MODULE.analyze(IMAGE, context(logit)).findings
    assert finding.value == pytest.approx(probability, abs=1e-3)


def test_a_blank_picture_is_unsuitable() -> None:
    with pytest.raises(UnsuitableImage, match="blank"):
        MODULE.analyze(np.zeros((200, 220), np.uint8), context(1))
