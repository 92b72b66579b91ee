import cv2
import numpy as np
import pytest

from cad_modules.contract import AnalysisContext
from cad_modules.opaque_objects import MODULE
from cad_modules.opaque_objects.analyze import find_objects

CONTEXT = AnalysisContext("xr_knee", lambda name: pytest.fail(name))


def limb(height: int = 500, width: int = 400) -> np.ndarray:
    """Soft tissue and two bones that shade off over some pixels."""
    image = np.full((height, width), 20, np.float32)
    cv2.rectangle(image, (80, 0), (320, height), 90, cv2.FILLED)
    cv2.rectangle(image, (130, 0), (185, height), 190, cv2.FILLED)
    cv2.rectangle(image, (230, 0), (250, height), 180, cv2.FILLED)
    noise = np.random.default_rng(9).normal(0, 3, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 4) + noise, 0, 240).astype(np.uint8)


def boxes(image: np.ndarray) -> list[tuple[float, float, float, float]]:
    return [(item.left, item.top, item.right, item.bottom) for item in find_objects(image)[0]]


def test_a_limb_without_metal_has_no_objects() -> None:
    assert find_objects(limb()) == ([], 0.0)


def test_every_kind_of_object_is_boxed() -> None:
    image = limb()
    cv2.circle(image, (350, 60), 9, 255, cv2.FILLED, cv2.LINE_AA)
    cv2.line(image, (40, 420), (70, 460), 255, 3, cv2.LINE_AA)
    cv2.putText(image, "L", (355, 470), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 3, cv2.LINE_AA)
    found = boxes(image)
    assert len(found) == 3
    assert found[0] == pytest.approx((341, 51, 359, 69), abs=2)
    assert found[1] == pytest.approx((39, 419, 71, 461), abs=3)


def test_letters_of_one_marker_are_one_object() -> None:
    image = limb()
    cv2.putText(image, "LEFT", (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 2, cv2.LINE_AA)
    assert len(boxes(image)) == 1


def test_area_is_that_of_the_objects() -> None:
    image = limb()
    image[100:120, 340:360] = 255
    answer = MODULE.analyze(image, CONTEXT)
    values = {finding.feature: finding.value for finding in answer.findings}
    assert values["object_count"] == 1
    assert values["object_area_fraction"] == pytest.approx(400 / image.size, rel=0.1)


def test_boxes_are_in_pixels_of_a_large_picture() -> None:
    image = cv2.resize(limb(), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    cv2.circle(image, (1400, 240), 36, 255, cv2.FILLED)
    assert boxes(image)[0] == pytest.approx((1364, 204, 1436, 276), abs=6)


def test_a_soft_bright_spot_is_no_object() -> None:
    image = limb().astype(np.float32)
    spot = np.zeros(image.shape, np.float32)
    cv2.circle(spot, (350, 250), 12, 220, cv2.FILLED)
    image = np.clip(image + cv2.GaussianBlur(spot, (0, 0), 5), 0, 255).astype(np.uint8)
    assert boxes(image) == []


def test_a_white_frame_is_no_object() -> None:
    image = limb()
    image[:, :6] = image[:5, :] = 255
    assert boxes(image) == []
