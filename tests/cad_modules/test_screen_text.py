import time

import cv2
import numpy as np
import pytest

from cad_modules.contract import AnalysisContext
from cad_modules.screen_text import MODULE
from cad_modules.screen_text.analyze import TextBox, find_text

LINES = (
    ("PATIENT 1234", (40, 60), 16),
    ("12:45:07", (900, 60), 14),
    ("Abd Gen", (40, 110), 20),
    ("MI 0.9 TIS 0.2", (880, 690), 12),
)


def tissue(height: int, width: int, mean: float = 70) -> np.ndarray:
    """Speckle with bright layers, no text."""
    random = np.random.default_rng(5)
    texture = cv2.GaussianBlur(random.rayleigh(1, (height, width)), (0, 0), 2)
    layers = 30 * np.sin(np.mgrid[:height, :width][0] / 9.0)
    return np.clip(mean * texture + layers, 0, 235).astype(np.uint8)


def screen() -> np.ndarray:
    image = np.zeros((720, 1280), np.uint8)
    image[150:650, 300:900] = tissue(500, 600)
    return image


def written(image: np.ndarray, lines=LINES, gray: int = 240) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """The image with text on it, and the box of each line."""
    image, boxes = image.copy(), []
    for text, (x, y), height in lines:
        scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_DUPLEX, height, 1)
        (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_DUPLEX, scale, gray, 1, cv2.LINE_AA)
        boxes.append((x, y - high, x + wide, y))
    return image, boxes


def covered(found: list[TextBox], box: tuple[int, int, int, int], shape: tuple[int, int]) -> float:
    mask = np.zeros(shape, np.bool_)
    for text in found:
        mask[int(text.top) : int(text.bottom) + 1, int(text.left) : int(text.right) + 1] = True
    return float(mask[box[1] : box[3], box[0] : box[2]].mean())


def test_every_line_on_a_screen_is_boxed() -> None:
    image, boxes = written(screen())
    found = find_text(image)
    assert all(covered(found, box, image.shape) > 0.8 for box in boxes)
    assert len(found) <= 2 * len(boxes)


def test_text_burnt_into_tissue_is_boxed_and_nothing_else() -> None:
    image, (box,) = written(tissue(480, 640), (("LEFT BREAST", (220, 300), 18),), 255)
    found = find_text(image)
    assert covered(found, box, image.shape) > 0.7
    assert all(text.top > 270 and text.bottom < 312 and text.left > 200 for text in found)


def test_dark_text_on_a_bright_bar_is_boxed() -> None:
    image = screen()
    image[:30] = 90
    image, (box,) = written(image, (("09/05/2022 13:15", (30, 22), 14),), 5)
    assert covered(find_text(image), box, image.shape) > 0.7


@pytest.mark.parametrize(
    "image",
    [
        screen(),
        tissue(480, 640),
        tissue(480, 640, 140),
        np.zeros((300, 400), np.uint8),
        np.full((300, 400), 255, np.uint8),
    ],
    ids=["screen", "tissue", "bright tissue", "black", "white"],
)
def test_without_text_nothing_is_found(image: np.ndarray) -> None:
    assert find_text(image) == []


def test_lines_rulers_and_curves_are_no_text() -> None:
    image = np.zeros((600, 800), np.uint8)
    for tick in range(20, 580, 20):
        cv2.line(image, (760, tick), (770, tick), 255, 1)
    cv2.rectangle(image, (100, 100), (600, 500), 200, 1)
    cv2.ellipse(image, (350, 300), (150, 90), 20, 0, 360, 255, 2)
    cv2.line(image, (120, 480), (590, 110), 180, 2)
    assert find_text(image) == []


def test_boxes_are_in_pixels_of_a_large_screen() -> None:
    image = cv2.resize(screen(), (2560, 1440), interpolation=cv2.INTER_CUBIC)
    image, (box,) = written(image, (("PATIENT 1234", (80, 120), 34),))
    found = find_text(image)
    assert covered(found, box, image.shape) > 0.8
    assert min(text.left for text in found) == pytest.approx(80, abs=12)


def test_count_and_area_are_those_of_the_boxes() -> None:
    image, _ = written(screen())
    answer = MODULE.analyze(image, AnalysisContext("us_lung", lambda name: pytest.fail(name)))
    values = {finding.feature: finding.value for finding in answer.findings}
    assert values["text_box_count"] == len(answer.overlays) >= 4
    (left, top), (right, bottom) = answer.overlays[0].points
    assert (right - left + 1) * (bottom - top + 1) / image.size < values["text_area_fraction"] < 0.03


def test_noise_takes_no_long_search() -> None:
    noise = np.random.default_rng(6).integers(0, 256, (720, 1280), dtype=np.uint8)
    started = time.process_time()
    find_text(noise)
    assert time.process_time() - started < 1.0
