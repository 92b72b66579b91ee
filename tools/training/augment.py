"""Domain randomisation: the same picture as another scanner, hospital, screen or cable might deliver it.

A network trained on pictures as they are learns each set's crop, size, compression and borders instead of anatomy
(a macro-F1 of .90 at hospitals that it has not seen, against .99 with this list). So every one of these traits is made
random, alike for all categories and for what must be refused.
"""

from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tools.training.screens import MARKS, cut_sector, draw_flow, paste_on_screen, random_colour, write_text

Image = NDArray[np.uint8]

WORKING_SIDE: Final = 256
"""Pixels of the longer side while a picture is changed; the network sees fewer."""
SMALL_SIDE: Final = 160
"""Smaller pictures are enlarged first."""


def randomise(image: Image, rng: Generator, *, radiograph: bool) -> Image:
    """A random variant of a picture.

    Args:
        image: Gray (h, w) or BGR (h, w, 3), uint8, any size.
        rng: Gives every choice: the same state gives the same pixels.
        radiograph: Whether polarity, turns by 90 degrees and collimation are as likely as in radiography.

    Returns:
        BGR, shape (h, w, 3), uint8, of another size.
    """
    image = _to_working_size(_crop(image, rng, radiograph), rng)
    image = _turn(image, rng, radiograph)
    if rng.random() < 0.25:
        image = _collimate(image, rng) if radiograph or rng.random() < 0.3 else cut_sector(image, rng)
    image = _change_tone(image, rng, radiograph)
    image = _change_texture(image, rng)
    if rng.random() < 0.5:
        image = _resample(image, rng)
    colour: Image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image.copy()  # type: ignore[assignment]
    if rng.random() < 0.2:
        colour = np.clip(colour * rng.uniform(0.7, 1.15, 3), 0, 255).astype(np.uint8)
    _mark(colour, rng, radiograph)
    if rng.random() < 0.35:
        colour = paste_on_screen(colour, rng)
    if rng.random() < 0.25:
        _cut_out(colour, rng)
    if rng.random() < 0.6:
        colour = _compress(colour, rng)
    return colour


def _crop(image: Image, rng: Generator, radiograph: bool) -> Image:
    if rng.random() < 0.15:
        return image
    height, width = image.shape[:2]
    long_bone = radiograph and rng.random() < 0.2
    low, high = (0.3, 3.2) if long_bone else (0.6, 1.7)
    area = float(rng.uniform(0.25, 1.0)) * height * width
    aspect = float(np.exp(rng.uniform(np.log(low), np.log(high)))) * width / height
    columns = int(np.clip(np.sqrt(area * aspect), 16, width))
    rows = int(np.clip(np.sqrt(area / aspect), 16, height))
    y, x = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
    return image[y : y + rows, x : x + columns]


def _to_working_size(image: Image, rng: Generator) -> Image:
    longest = max(image.shape[:2])
    if longest > WORKING_SIDE:
        return shrink(image, WORKING_SIDE)
    if longest >= SMALL_SIDE:
        return image
    # Text and noise would be too coarse on the 64 px sets, and give them away.
    scale = float(rng.uniform(SMALL_SIDE, WORKING_SIDE)) / longest
    size = max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])))  # type: ignore[return-value]


def shrink(image: Image, side: int) -> Image:
    """The picture with its longer side brought down to ``side`` pixels, never up."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _turn(image: Image, rng: Generator, radiograph: bool) -> Image:
    if rng.random() < 0.5:
        image = image[:, ::-1]
    if rng.random() < (0.15 if radiograph else 0.06):
        image = image[::-1]
    if radiograph and rng.random() < 0.12:
        image = np.rot90(image, int(rng.choice([1, 3])))
    image = np.ascontiguousarray(image)
    if rng.random() < 0.35:
        height, width = image.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 9)), float(rng.uniform(0.9, 1.1)))
        border = cv2.BORDER_REPLICATE if rng.random() < 0.3 else cv2.BORDER_CONSTANT
        image = cv2.warpAffine(image, turn, (width, height), borderMode=border)  # type: ignore[assignment]
    return image


def _collimate(image: Image, rng: Generator) -> Image:
    """All but an upright or level strip or a box is plain, as outside a collimator or a detector."""
    height, width = image.shape[:2]
    left, right = (int(width * share) for share in (rng.uniform(0, 0.33), rng.uniform(0.67, 1.0)))
    top, bottom = (int(height * share) for share in (rng.uniform(0, 0.33), rng.uniform(0.67, 1.0)))
    if rng.random() < 0.5:
        top, bottom = 0, height
    elif rng.random() < 0.4:
        left, right = 0, width
    shade = int(rng.choice([0, 255, int(rng.integers(0, 256))]))
    framed = np.full_like(image, shade)
    framed[top:bottom, left:right] = image[top:bottom, left:right]
    return framed


def _change_tone(image: Image, rng: Generator, radiograph: bool) -> Image:
    if rng.random() < (0.25 if radiograph else 0.02):
        image = 255 - image
    if image.ndim == 2 and rng.random() < 0.2:
        tiles = int(rng.integers(2, 9))
        image = cv2.createCLAHE(float(rng.uniform(1, 5)), (tiles, tiles)).apply(image)  # type: ignore[assignment]
    levels = np.linspace(0, 1, 256)
    if rng.random() < 0.3:  # another window
        levels = np.clip((levels - rng.uniform(0, 0.25)) / rng.uniform(0.55, 1.0), 0, 1)
    levels = levels ** np.exp(rng.normal(0, 0.4))
    levels = (levels - 0.5) * np.exp(rng.normal(0, 0.25)) + 0.5 + rng.normal(0, 0.07)
    return cv2.LUT(image, np.clip(levels * 255, 0, 255).astype(np.uint8))  # type: ignore[return-value]


def _change_texture(image: Image, rng: Generator) -> Image:
    choice = rng.random()
    if choice < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 2.5)))  # type: ignore[assignment]
    elif choice < 0.3:
        blurred = cv2.GaussianBlur(image, (0, 0), 1.5)
        image = cv2.addWeighted(image, 1.8, blurred, -0.8, 0)  # type: ignore[assignment]
    if rng.random() < 0.3:
        noise = rng.standard_normal(image.shape[:2], dtype=np.float32)
        if rng.random() < 0.5:
            noise = cv2.GaussianBlur(noise, (0, 0), 0.8) * 2  # type: ignore[assignment]
        if image.ndim == 3:
            noise = noise[:, :, None]
        if rng.random() < 0.5:
            changed = image * (1 + noise * float(rng.uniform(0.05, 0.35)))
        else:
            changed = image + noise * float(rng.uniform(2, 18))
        image = np.clip(changed, 0, 255).astype(np.uint8)
    return image


def _resample(image: Image, rng: Generator) -> Image:
    """Down to 48 to 200 pixels and back: hides which sets are small."""
    height, width = image.shape[:2]
    scale = float(np.exp(rng.uniform(np.log(48), np.log(200)))) / max(height, width)
    if scale >= 1:
        return image
    size = max(8, int(width * scale)), max(8, int(height * scale))
    down = int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_NEAREST]))
    small = cv2.resize(image, size, interpolation=down)
    back = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return cv2.resize(small, (width, height), interpolation=back)  # type: ignore[return-value]


def _mark(image: Image, rng: Generator, radiograph: bool) -> None:
    """Text, rulers, calipers, traces, colour Doppler, arrows over the picture, in place."""
    height, width = image.shape[:2]
    for draw in MARKS:
        if rng.random() < 0.1:
            draw(image, rng)
    if not radiograph and rng.random() < 0.1:
        draw_flow(image, rng)
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 6))):
            x, y = int(rng.uniform(0, 0.9) * width), int(rng.uniform(0.05, 1) * height)
            write_text(image, rng, x, y, random_colour(rng))
    if rng.random() < 0.06:
        tail, tip = rng.uniform(0.1, 0.9, (2, 2)) * (width, height)
        cv2.arrowedLine(image, tuple(map(int, tail)), tuple(map(int, tip)), random_colour(rng), int(rng.integers(1, 3)))


def _cut_out(image: Image, rng: Generator) -> None:
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        rows, columns = int(rng.uniform(0.05, 0.35) * height), int(rng.uniform(0.05, 0.35) * width)
        y, x = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
        image[y : y + rows, x : x + columns] = 0 if rng.random() < 0.6 else random_colour(rng, 0, 256)


def _compress(image: Image, rng: Generator) -> Image:
    quality = int(rng.integers(15, 96))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)  # type: ignore[return-value]
