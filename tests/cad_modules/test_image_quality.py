import cv2
import numpy as np
import pytest

from cad_modules.contract import AnalysisContext
from cad_modules.image_quality import MODULE
from cad_modules.image_quality.analyze import LONGEST_SIDE, quantile, rate

RANDOM = np.random.default_rng(3)


def speckle(height: int = 400, width: int = 500) -> np.ndarray:
    """Tissue-like: speckle of a few pixels, in a sector on black, with the full range of grays."""
    texture = cv2.GaussianBlur(RANDOM.rayleigh(1, (height, width)), (0, 0), 1.5)
    texture = (texture - texture.min()) / np.ptp(texture)
    rows, columns = np.mgrid[:height, :width]
    bands = 0.6 + 0.4 * np.sin(rows / 23.0) * np.cos(columns / 31.0)
    inside = np.abs(columns - width / 2) < 20 + rows * 0.5
    return np.clip(texture * bands * 330 * inside, 0, 250).astype(np.uint8)


def clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)


PICTURE = speckle()

WORSE = {
    "blurred a little": cv2.GaussianBlur(PICTURE, (0, 0), 1.2),
    "blurred": cv2.GaussianBlur(PICTURE, (0, 0), 3),
    "noisy": clipped(PICTURE + RANDOM.normal(0, 8, PICTURE.shape)),
    "very noisy": clipped(PICTURE + RANDOM.normal(0, 25, PICTURE.shape)),
    "dark": clipped(PICTURE * 0.4),
    "very dark": clipped(PICTURE * 0.15),
    "saturated": clipped(PICTURE.astype(float) * 4),
    "washed out": clipped(150 + PICTURE * 0.3),
}


@pytest.mark.parametrize("fault", WORSE)
def test_every_fault_lowers_the_score(fault: str) -> None:
    assert rate(WORSE[fault]).score < rate(PICTURE).score * 0.95


def test_a_worse_fault_lowers_it_more() -> None:
    assert rate(WORSE["blurred"]).score < rate(WORSE["blurred a little"]).score
    assert rate(WORSE["very noisy"]).score < rate(WORSE["noisy"]).score
    assert rate(WORSE["very dark"]).score < rate(WORSE["dark"]).score


def test_each_fault_shows_in_its_own_feature() -> None:
    good = rate(PICTURE)
    assert rate(WORSE["blurred"]).sharpness < good.sharpness * 0.6
    assert rate(WORSE["dark"]).contrast < good.contrast / 2
    assert rate(WORSE["saturated"]).clipped_fraction > 0.2 > good.clipped_fraction
    assert rate(WORSE["blurred"]).clipped_fraction < 0.01


@pytest.mark.parametrize("sigma", [5, 10, 20])
def test_noise_of_known_strength_is_measured(sigma: float) -> None:
    flat = clipped(120 + RANDOM.normal(0, sigma, (300, 400)))
    assert rate(flat).noise == pytest.approx(sigma, rel=0.05)


def test_noise_does_not_pass_for_sharpness() -> None:
    blurred = WORSE["blurred"]
    assert rate(clipped(blurred + RANDOM.normal(0, 5, blurred.shape))).sharpness < rate(PICTURE).sharpness


@pytest.mark.parametrize("level", [0, 127, 255])
def test_an_empty_picture_scores_nothing(level: int) -> None:
    assert rate(np.full((200, 300), level, np.uint8)).score < 0.01


def test_the_score_hardly_depends_on_the_screen() -> None:
    large = cv2.resize(PICTURE, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert max(large.shape) > LONGEST_SIDE
    assert rate(large).score == pytest.approx(rate(PICTURE).score, abs=0.1)


def test_the_black_around_a_sector_does_not_count() -> None:
    framed = cv2.copyMakeBorder(PICTURE, 0, 0, 6, 6, cv2.BORDER_CONSTANT)
    assert rate(framed).score == pytest.approx(rate(PICTURE).score, abs=0.02)


def test_quantile_is_between_whole_numbers() -> None:
    counts = np.bincount([3, 3, 4, 4])
    assert quantile(counts, 0.5) == pytest.approx(3.5)
    assert quantile(counts, 0.25) == pytest.approx(3.0)


def test_every_feature_is_reported(make_context) -> None:
    findings = MODULE.analyze(PICTURE, AnalysisContext("us_liver", lambda name: pytest.fail(name))).findings
    assert {finding.feature for finding in findings} == set(MODULE.features)
