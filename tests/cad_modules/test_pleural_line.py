import numpy as np
import pytest
from fakes.drawn_scan import DrawnLung

from cad_modules.contract import UnsuitableImage
from cad_modules.pleural_line import MODULE


@pytest.mark.parametrize("half_angle", [0.0, 0.4, 0.6])
def test_the_depth_of_a_drawn_line_is_measured_in_mm_and_px(make_context, values, half_angle: float) -> None:
    drawn = DrawnLung(pleura=0.25, half_angle=half_angle)
    bare, scaled = (MODULE.analyze(drawn.image(), make_context("us_lung", spacing)) for spacing in (None, 0.2))
    assert bare.findings[0].unit == "px" and scaled.findings[0].unit == "mm"
    assert values(bare)["pleura_depth"] == pytest.approx(drawn.pleura_depth, abs=0.02 * drawn.height)
    assert values(scaled)["pleura_depth"] == pytest.approx(0.2 * values(bare)["pleura_depth"])
    assert bare.findings[0].interval is not None
    assert {overlay.label for overlay in bare.overlays} == {"pleural_line"}


def test_noise_and_other_unusable_pictures_are_unsuitable(make_context) -> None:
    random = np.random.default_rng(1)
    pictures = {
        "no pleural line": random.integers(0, 256, (300, 280)).astype(np.uint8),
        "blank": np.zeros((300, 280), np.uint8),
        "too small": random.integers(0, 256, (16, 16)).astype(np.uint8),
    }
    for reason, picture in pictures.items():
        with pytest.raises(UnsuitableImage, match=reason):
            MODULE.analyze(picture, make_context("us_lung"))
