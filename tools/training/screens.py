"""Draw what stands around pictures on scanners' screens, and screens without any picture.

Everything is drawn from the random generator alone, so that the same seed gives the same pixels. Training pastes
pictures of every category on such screens, hence none of it tells a category.
"""

import string
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

_FONTS: Final = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)
_LETTERS: Final = np.array(list(string.ascii_letters + string.digits + "  .:/-%"))


def random_colour(rng: Generator, low: int = 90, high: int = 256) -> Colour:
    """White or gray more often than a colour; BGR."""
    if rng.random() < 0.6:
        gray = int(rng.integers(low, high))
        return gray, gray, gray
    blue, green, red = (int(value) for value in rng.integers(0, 256, 3))
    return blue, green, red


def write_text(canvas: Image, rng: Generator, x: int, y: int, colour: Colour, scale: float | None = None) -> None:
    """One line of random letters, in place; coordinates in pixels of the line's lower left corner."""
    text = "".join(rng.choice(_LETTERS, int(rng.integers(2, 18))))
    size = float(rng.uniform(0.25, 0.6)) if scale is None else scale
    cv2.putText(canvas, text, (x, y), int(rng.choice(_FONTS)), size, colour, 1, cv2.LINE_AA)


def draw_ruler(canvas: Image, rng: Generator) -> None:
    """Equally spaced ticks or dots along a random upright or level line, in place."""
    height, width = canvas.shape[:2]
    upright, colour = rng.random() < 0.7, random_colour(rng)
    length, across = (height, width) if upright else (width, height)
    position = int(across * rng.choice([rng.uniform(0, 0.12), rng.uniform(0.88, 1.0)]))
    step, start = float(rng.uniform(0.03, 0.12)) * length, float(rng.uniform(0, 0.3)) * length
    for number in range(int(rng.integers(4, 24))):
        along, tick = int(start + number * step), int(rng.integers(1, 3)) + (3 if number % 5 == 0 else 0)
        near, far = (position, along), (position + tick, along)
        cv2.line(canvas, near if upright else near[::-1], far if upright else far[::-1], colour, 1)


def draw_gray_bar(canvas: Image, rng: Generator) -> None:
    """A gray or colour scale as beside an ultrasound picture, in place."""
    height, width = canvas.shape[:2]
    rows, columns = int(height * rng.uniform(0.15, 0.6)), max(2, int(width * rng.uniform(0.01, 0.05)))
    ramp = np.linspace(255, 0, rows).astype(np.uint8)[:, None].repeat(columns, axis=1)
    if rng.random() < 0.3:
        ramp_colour = cv2.applyColorMap(ramp, int(rng.choice([cv2.COLORMAP_JET, cv2.COLORMAP_HOT, cv2.COLORMAP_BONE])))
    else:
        ramp_colour = cv2.cvtColor(ramp, cv2.COLOR_GRAY2BGR)
    y = int(rng.integers(0, max(1, height - rows)))
    x = int((width - columns) * rng.choice([rng.uniform(0, 0.1), rng.uniform(0.9, 1.0)]))
    canvas[y : y + rows, x : x + columns] = ramp_colour


def draw_panel(canvas: Image, rng: Generator) -> None:
    """A menu's bar or button with a line of text along an edge, in place."""
    height, width = canvas.shape[:2]
    thickness = float(rng.uniform(0.04, 0.16))
    side = int(rng.integers(4))
    x0, y0, x1, y1 = 0, 0, width, height
    if side == 0:
        y1 = int(height * thickness)
    elif side == 1:
        y0 = int(height * (1 - thickness))
    elif side == 2:
        x1 = int(width * thickness)
    else:
        x0 = int(width * (1 - thickness))
    cv2.rectangle(canvas, (x0, y0), (x1, y1), random_colour(rng, 20, 230), -1)
    for _ in range(int(rng.integers(1, 5))):
        write_text(canvas, rng, int(rng.uniform(x0, x1)), int(rng.uniform(y0, y1)), random_colour(rng))


def draw_trace(canvas: Image, rng: Generator) -> None:
    """An electrocardiogram-like line across the lower part, in place."""
    height, width = canvas.shape[:2]
    x = np.arange(0, width, 2)
    beat = max(6.0, width * float(rng.uniform(0.08, 0.3)))
    phase = (x % beat) / beat
    peaks = np.exp(-(((phase - 0.5) / 0.04) ** 2)) + 0.2 * np.exp(-(((phase - 0.75) / 0.08) ** 2))
    y = height * float(rng.uniform(0.8, 0.97)) - peaks * height * float(rng.uniform(0.03, 0.1))
    points = np.stack([x, y], axis=1).round().astype(np.int32)
    cv2.polylines(canvas, [points], False, random_colour(rng), 1)


def draw_flow(canvas: Image, rng: Generator) -> None:
    """Colour Doppler: red and blue patches within a box, in place."""
    height, width = canvas.shape[:2]
    rows, columns = int(height * rng.uniform(0.25, 0.7)), int(width * rng.uniform(0.25, 0.7))
    y, x = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
    if rows < 8 or columns < 8:
        return
    coarse = rng.normal(size=(int(rng.integers(3, 9)), int(rng.integers(3, 9)))).astype(np.float32)
    field = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    flow = np.abs(field) > float(rng.uniform(0.5, 1.2))
    strength = np.clip(np.abs(field) * 120 + rng.normal(0, 15, field.shape), 0, 255)
    box = canvas[y : y + rows, x : x + columns]
    towards = field > 0
    both = rng.random() < 0.7
    red = np.where(towards | (not both), strength, strength * 0.2)
    blue = np.where(towards | (not both), strength * 0.1, strength)
    colour = np.stack([blue, strength * float(rng.uniform(0, 0.7)), red], axis=-1).astype(np.uint8)
    box[flow] = colour[flow]
    if rng.random() < 0.6:
        cv2.rectangle(canvas, (x, y), (x + columns, y + rows), random_colour(rng), 1)


def draw_calipers(canvas: Image, rng: Generator) -> None:
    """Two to four crosses, some joined by a dotted line, in place."""
    height, width = canvas.shape[:2]
    colour = random_colour(rng)
    for _ in range(int(rng.integers(1, 3))):
        ends = [(int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.1, 0.9) * height)) for _ in range(2)]
        for end in ends:
            cv2.drawMarker(canvas, end, colour, int(rng.choice([cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS])), 7)
        for part in np.linspace(0, 1, 24):
            x, y = (1 - part) * np.array(ends[0]) + part * np.array(ends[1])
            canvas[int(y), int(x)] = colour


def cut_sector(image: Image, rng: Generator) -> Image:
    """Black outside the fan of a convex or phased probe, or the box of a steered linear one."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    if rng.random() < 0.75:
        apex = -float(rng.uniform(0, 0.6)) * height, float(rng.uniform(0.42, 0.58)) * width
        half = float(rng.uniform(20, 50))
        reach = height - apex[0]
        centre = int(apex[1]), int(apex[0])
        radius = int(reach)
        cv2.ellipse(mask, centre, (radius, radius), 90, -half, half, 255, -1)
        near = int(-apex[0] + rng.uniform(0, 0.08) * height)
        if near > 0:
            cv2.circle(mask, centre, near, 0, -1)
    else:
        shift = float(rng.uniform(-0.25, 0.25)) * width
        xs = np.array([0.08 * width, 0.92 * width, 0.92 * width + shift, 0.08 * width + shift])
        corners = np.stack([xs, [0, 0, height, height]], axis=1).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255)
    return cv2.bitwise_and(image, image, mask=mask)  # type: ignore[return-value]


FURNITURE: Final[tuple[Callable[[Image, Generator], None], ...]] = (draw_ruler, draw_gray_bar, draw_panel, draw_trace)
MARKS: Final[tuple[Callable[[Image, Generator], None], ...]] = (draw_ruler, draw_calipers, draw_trace, draw_gray_bar)


def empty_screen(rng: Generator) -> Image:
    """A scanner's screen without picture: dark, or rarely another shade, with text, rulers, bars; BGR."""
    height = int(rng.integers(150, 260))
    width = int(height * rng.uniform(0.75, 1.8))
    shade = 0 if rng.random() < 0.55 else int(rng.choice([rng.integers(1, 60), rng.integers(60, 256)]))
    canvas = np.full((height, width, 3), shade, np.uint8)
    if rng.random() < 0.15:
        canvas[:] = random_colour(rng, 0, 256)
    for draw in FURNITURE:
        if rng.random() < 0.4:
            draw(canvas, rng)
    for _ in range(int(rng.integers(0, 14))):
        x, y = int(rng.uniform(0, 0.9) * width), int(rng.uniform(0.03, 1.0) * height)
        write_text(canvas, rng, x, y, random_colour(rng))
    if rng.random() < 0.3:  # a logo
        centre = int(rng.uniform(0, 1) * width), int(rng.choice([rng.uniform(0, 0.15), rng.uniform(0.85, 1)]) * height)
        cv2.circle(canvas, centre, int(rng.integers(4, 14)), random_colour(rng), int(rng.choice([-1, 1, 2])))
    return canvas


def paste_on_screen(image: Image, rng: Generator) -> Image:
    """The picture (BGR) on a random screen, of which it covers 45 to 97 % along one side; BGR."""
    canvas = empty_screen(rng)
    height, width = canvas.shape[:2]
    scale = float(rng.uniform(0.45, 0.97)) * min(height / image.shape[0], width / image.shape[1])
    stretch = float(rng.uniform(0.85, 1.18))
    rows = int(np.clip(image.shape[0] * scale, 24, height))
    columns = int(np.clip(image.shape[1] * scale * stretch, 24, width))
    y, x = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
    canvas[y : y + rows, x : x + columns] = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    for _ in range(int(rng.integers(0, 4))):
        x, y = int(rng.uniform(0, 0.8) * width), int(rng.uniform(0.05, 1.0) * height)
        write_text(canvas, rng, x, y, random_colour(rng))
    return canvas
