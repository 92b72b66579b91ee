import numpy as np
import pytest

from cad_modules.contract import AnalysisContext, UnsuitableImage
from cad_modules.tissue_texture import MODULE
from cad_modules.tissue_texture.analyze import DYNAMIC_RANGE_DB, entropy, nakagami_m, tissue_windows

CONTEXT = AnalysisContext("us_liver", lambda name: pytest.fail(name))


def speckle(m: float, level: float = 140, size: int = 480) -> np.ndarray:
    """Intensity of a Nakagami envelope with parameter m, compressed as a scanner does."""
    intensity = np.random.default_rng(8).gamma(m, 1 / m, (size, size))
    return np.clip(level + 10 * np.log10(intensity + 1e-9) * 255 / DYNAMIC_RANGE_DB, 0, 255).astype(np.uint8)


def found(image: np.ndarray) -> dict[str, float]:
    return {finding.feature: finding.value for finding in MODULE.analyze(image, CONTEXT).findings}


@pytest.mark.parametrize("m", [0.5, 1, 2, 4])
def test_speckle_of_known_parameter_is_measured(m: float) -> None:
    finding = MODULE.analyze(speckle(m), CONTEXT).findings[0]
    assert finding.value == pytest.approx(m, rel=0.05)
    assert finding.interval[0] < m < finding.interval[1]


def test_depth_gain_does_not_change_the_parameter() -> None:
    slope = np.linspace(-50, 50, 480)[:, np.newaxis]
    sloped = np.clip(speckle(2) + slope, 0, 255).astype(np.uint8)
    assert found(sloped)["nakagami_m"] == pytest.approx(found(speckle(2))["nakagami_m"], rel=0.05)


def test_brighter_tissue_is_more_echogenic_and_nothing_else() -> None:
    dark, bright = found(speckle(1, 110)), found(speckle(1, 160))
    assert bright["echogenicity"] - dark["echogenicity"] == pytest.approx(50 / 255, abs=0.01)
    assert bright["nakagami_m"] == pytest.approx(dark["nakagami_m"], rel=0.05)


def test_entropy_counts_the_gray_levels() -> None:
    assert entropy(np.full((16, 16), 9, np.uint8)) == 0
    assert entropy(np.arange(256, dtype=np.uint8).reshape(16, 16)) == pytest.approx(8)
    assert entropy(np.repeat(np.array([3, 7], np.uint8), 50).reshape(10, 10)) == pytest.approx(1)


def test_shadow_fluid_and_clipping_are_left_out() -> None:
    image = speckle(1)
    image[:, :240] = 0
    image[:120, 240:] = 255
    windows = tissue_windows(image)
    assert len(windows) == 6 * 9
    assert found(image)["nakagami_m"] == pytest.approx(1, rel=0.08)


@pytest.mark.parametrize("level", [0, 255])
def test_without_tissue_the_picture_is_unsuitable(level: int) -> None:
    with pytest.raises(UnsuitableImage, match="too little tissue"):
        MODULE.analyze(np.full((300, 400), level, np.uint8), CONTEXT)


def test_a_flat_window_has_a_finite_parameter() -> None:
    assert nakagami_m(np.full((20, 20), 90, np.uint8)) == pytest.approx(1000)
