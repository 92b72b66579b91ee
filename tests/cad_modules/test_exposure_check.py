import cv2
import numpy as np
import pytest

from cad_modules.contract import AnalysisContext
from cad_modules.exposure_check import MODULE
from cad_modules.radiograph import exposed_field

NEVER = lambda name: pytest.fail(f"asked for {name}")  # noqa: E731


def drawn_chest(height: int = 480, width: int = 440) -> np.ndarray:
    """Dark air and lungs, gray body, bright spine and belly."""
    image = np.full((height, width), 15, np.float32)
    cv2.ellipse(image, (width // 2, height // 2 + 60), (190, 270), 0, 0, 360, 165, cv2.FILLED)
    for x in (width // 2 - 90, width // 2 + 90):
        cv2.ellipse(image, (x, height // 2 - 20), (60, 140), 0, 0, 360, 75, cv2.FILLED)
    cv2.rectangle(image, (width // 2 - 15, 0), (width // 2 + 15, height), 225, cv2.FILLED)
    cv2.rectangle(image, (60, height - 110), (width - 60, height), 215, cv2.FILLED)
    return smooth(image)


def drawn_knee(height: int = 400, width: int = 400) -> np.ndarray:
    image = np.full((height, width), 25, np.float32)
    cv2.rectangle(image, (60, 0), (width - 60, height), 100, cv2.FILLED)
    cv2.rectangle(image, (110, 0), (width - 110, 180), 205, cv2.FILLED)
    cv2.rectangle(image, (110, 215), (width - 110, height), 195, cv2.FILLED)
    return smooth(image)


def smooth(image: np.ndarray) -> np.ndarray:
    """Bone and soft tissue have fine structure, and borders are as sharp as a detector shows them."""
    random = np.random.default_rng(4)
    grain = cv2.GaussianBlur(random.normal(0, 12, image.shape), (0, 0), 0.8)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 1.2) + grain, 2, 252).astype(np.uint8)


def clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)


def found(image: np.ndarray, category: str) -> dict[str, float]:
    return {f.feature: f.value for f in MODULE.analyze(image, AnalysisContext(category, NEVER)).findings}


PICTURES = {"xr_chest": drawn_chest(), "xr_knee": drawn_knee(), "xr_extremity": drawn_knee()}

FAULTS = {
    "dark": lambda image: clipped(image * 0.35),
    "white": lambda image: clipped(image.astype(float) * 3 + 60),
    "washed out": lambda image: clipped(175 + image * 0.3),
    "flat gray": lambda image: clipped(100 + image * 0.2),
    "inverted": lambda image: 255 - image,
    "blurred": lambda image: cv2.GaussianBlur(image, (0, 0), 4),
    "moved sideways": lambda image: cv2.blur(image, (21, 1)),
    "moved lengthwise": lambda image: cv2.blur(image, (1, 21)),
}


@pytest.mark.parametrize("category", PICTURES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_radiograph_scores_far_below_a_good_one(category: str, fault: str) -> None:
    good = PICTURES[category]
    assert found(good, category)["exposure_score"] > 0.8
    assert found(FAULTS[fault](good), category)["exposure_score"] < 0.35


def test_collimated_margins_are_measured_and_boxed() -> None:
    framed = np.zeros((600, 800), np.uint8)
    framed[60:540, 100:540] = drawn_chest()
    answer = MODULE.analyze(framed, AnalysisContext("xr_chest", NEVER))
    values = {finding.feature: finding.value for finding in answer.findings}
    assert values["collimated_fraction"] == pytest.approx(1 - 480 * 440 / (600 * 800), abs=0.02)
    (box,) = answer.overlays
    assert np.array(box.points) == pytest.approx(np.array([(100, 60), (539, 539)]), abs=4)


def test_margins_do_not_change_the_score() -> None:
    image = drawn_chest()
    framed = cv2.copyMakeBorder(image, 50, 40, 70, 30, cv2.BORDER_CONSTANT, value=0)
    score = found(image, "xr_chest")["exposure_score"]
    assert found(framed, "xr_chest")["exposure_score"] == pytest.approx(score, abs=0.05)


def test_a_white_margin_is_a_margin_too() -> None:
    framed = cv2.copyMakeBorder(drawn_knee(), 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=255)
    assert exposed_field(framed) == pytest.approx((30, 430, 30, 430), abs=1)


def test_clipped_fraction_counts_both_ends_of_the_scale() -> None:
    image = drawn_knee()
    image[150:250, 150:250] = 255
    image[150:250, 20:50] = 0
    assert found(image, "xr_knee")["clipped_fraction"] == pytest.approx((100 * 100 + 100 * 30) / 400**2, abs=0.002)


@pytest.mark.parametrize("level", [0, 255])
def test_a_blank_picture_has_no_exposed_field(level: int) -> None:
    values = found(np.full((200, 300), level, np.uint8), "xr_chest")
    assert values == {"exposure_score": 0.0, "clipped_fraction": 1.0, "collimated_fraction": 1.0}


def test_a_margin_that_fades_towards_a_blade_is_a_margin() -> None:
    limb = drawn_knee()
    ramp = np.linspace(255, 205, 80).astype(np.uint8)
    framed = np.hstack([np.tile(ramp, (400, 1)), limb, np.tile(ramp[::-1], (400, 1))])
    assert exposed_field(framed)[2:] == pytest.approx((80, 480), abs=2)
    values = found(framed, "xr_extremity")
    assert values["exposure_score"] > 0.8
    assert values["inverted_probability"] < 0.01
    assert found(255 - framed, "xr_extremity")["inverted_probability"] > 0.99


def test_wrong_polarity_is_told_in_words() -> None:
    good = MODULE.analyze(PICTURES["xr_chest"], AnalysisContext("xr_chest", NEVER))
    wrong = MODULE.analyze(255 - PICTURES["xr_chest"], AnalysisContext("xr_chest", NEVER))
    assert good.doubt == ""
    assert "bone is shown black" in wrong.doubt
