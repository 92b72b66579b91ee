"""Change how a training picture looks and leave every structure where it is."""

from collections.abc import Callable
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.training.segmentation_settings import Augmentation

Picture: TypeAlias = NDArray[np.uint8]
"""Gray, square, uint8."""

_FONTS: Final = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
_LETTERS: Final = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .:/%-+"))


def change(image: Picture, augmentation: Augmentation, rng: np.random.Generator) -> Picture:
    """A copy with other gray levels, noise, sharpness, overlays and compression, in the order of the real chain."""
    for probability, step in _ULTRASOUND if augmentation.ultrasound else _RADIOGRAPH:
        if rng.random() < probability:
            image = step(image, rng)
    if rng.random() < augmentation.invert_probability:
        image = cv2.bitwise_not(image)  # type: ignore[assignment]
    return image


def gray_levels(image: Picture, rng: np.random.Generator) -> Picture:
    """Another gamma, contrast and brightness."""
    levels = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.45))
    levels = (levels - 0.5) * np.exp(rng.normal(0.05, 0.25)) + 0.5 + rng.normal(0, 0.08)
    return _looked_up(image, levels)


def window(image: Picture, rng: np.random.Generator) -> Picture:
    """Only a part of the gray range, stretched or squeezed: over- and underexposed, washed out."""
    low, high = np.percentile(image[::4, ::4], (rng.uniform(0, 12), rng.uniform(85, 100)))
    black, white = rng.uniform(0, 0.45), rng.uniform(0.6, 1.05)
    return _looked_up(image, (np.arange(256) - low) / max(high - low, 8) * (white - black) + black)


def equalised(image: Picture, rng: np.random.Generator) -> Picture:
    """Local or global histogram equalisation, as many consoles apply it."""
    if rng.random() < 0.35:
        return cv2.equalizeHist(image)  # type: ignore[return-value]
    tiles = int(rng.integers(2, 9))
    return cv2.createCLAHE(float(rng.uniform(1, 4)), (tiles, tiles)).apply(image)  # type: ignore[return-value]


def uneven_gain(image: Picture, rng: np.random.Generator) -> Picture:
    """Brightness that varies smoothly over the picture: time-gain sliders, the heel effect."""
    nodes = rng.normal(0, 0.22, (int(rng.integers(2, 6)), int(rng.integers(2, 4)))).astype(np.float32)
    gain = cv2.resize(np.exp(nodes), image.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return _clipped(image * gain)


def speckle(image: Picture, rng: np.random.Generator) -> Picture:
    """Multiplicative noise with a grain of 1 to 4 pixels, wider than high."""
    noise = _grain(image.shape, rng.uniform(0.3, 1.6), rng.uniform(0.3, 1.0), rng)
    return _clipped(image * (1 + noise * rng.uniform(0.05, 0.35)))


def noise(image: Picture, rng: np.random.Generator) -> Picture:
    """Additive noise: electronics, a video cable, quantum noise."""
    sigma = rng.uniform(0, 0.8)
    return _clipped(image + _grain(image.shape, sigma, sigma, rng) * rng.uniform(2, 14))


def blur(image: Picture, rng: np.random.Generator) -> Picture:
    """Less sharp."""
    return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 2.2)))  # type: ignore[return-value]


def sharpen(image: Picture, rng: np.random.Generator) -> Picture:
    """Edge enhancement."""
    soft = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(1, 4))).astype(np.float32)
    return _clipped(image + (image - soft) * rng.uniform(0.3, 1.5))


def low_resolution(image: Picture, rng: np.random.Generator) -> Picture:
    """Made smaller and larger again."""
    size = int(image.shape[0] / rng.uniform(1.5, 4.6))
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    ways = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)
    return cv2.resize(small, image.shape[::-1], interpolation=ways[int(rng.integers(3))])  # type: ignore[return-value]


def jpeg(image: Picture, rng: np.random.Generator) -> Picture:
    """Compressed and decompressed."""
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 85))])
    return cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)  # type: ignore[return-value]


def cut_out(image: Picture, rng: np.random.Generator) -> Picture:
    """Up to three filled boxes: hidden names, menus, a second picture."""
    image, size = image.copy(), image.shape[0]
    for _ in range(int(rng.integers(1, 4))):
        width, height = (rng.uniform(0.04, 0.28, 2) * size).astype(int)
        x, y = rng.integers(0, size - width), rng.integers(0, size - height)
        image[y : y + height, x : x + width] = 0 if rng.random() < 0.6 else rng.integers(0, 256)
    return image


def text(image: Picture, rng: np.random.Generator) -> Picture:
    """Lines of letters anywhere, mostly near the edges."""
    image, size = image.copy(), image.shape[0]
    for _ in range(int(rng.integers(1, 7))):
        line = "".join(rng.choice(_LETTERS, int(rng.integers(1, 16))))
        at = rng.uniform(-0.05, 0.95, 2) if rng.random() < 0.3 else rng.choice([0.01, 0.75], 2) + rng.uniform(0, 0.2, 2)
        place = (int(at[0] * size), int(at[1] * size) + 12)
        font, scale, gray = _FONTS[int(rng.integers(len(_FONTS)))], rng.uniform(0.4, 1.3), int(rng.integers(120, 256))
        cv2.putText(image, line, place, font, float(scale), gray, int(rng.integers(1, 3)), cv2.LINE_AA)
    return image


def calipers(image: Picture, rng: np.random.Generator) -> Picture:
    """Crosses with a dotted line between them, and a ruler or gray bar at an edge."""
    image, size = image.copy(), image.shape[0]
    gray = int(rng.integers(150, 256))
    for _ in range(int(rng.integers(0, 3))):
        ends = (rng.uniform(0.1, 0.9, (2, 2)) * size).astype(int)
        for x, y in ends.tolist():
            cv2.drawMarker(image, (x, y), gray, cv2.MARKER_CROSS, int(rng.integers(8, 20)), 1)
        for part in np.linspace(0, 1, int(rng.integers(10, 50))):
            x, y = (ends[0] + part * (ends[1] - ends[0])).astype(int).tolist()
            cv2.circle(image, (x, y), 1, gray, -1)
    if rng.random() < 0.5:
        x, step = int(rng.choice([0.02, 0.97]) * size), int(rng.integers(10, 50))
        for y in range(int(rng.integers(step)), size, step):
            cv2.line(image, (x - 4, y), (x + 4, y), gray, 1)
    if rng.random() < 0.3:
        x, top, length = (rng.uniform((0, 0, 0.1), (0.95, 0.5, 0.4)) * size).astype(int).tolist()
        image[top : top + length, x : x + 10] = np.linspace(255, 0, length)[:, np.newaxis]
    return image


def shadow(image: Picture, rng: np.random.Generator) -> Picture:
    """A dark wedge from the top: rib, gas, poor contact."""
    size = image.shape[0]
    mask = np.zeros(image.shape, np.float32)
    x, width, lean = rng.uniform(0, size), rng.uniform(0.03, 0.2) * size, rng.normal(0, 0.3) * size
    corners = [(x - width / 3, 0), (x + width / 3, 0), (x + width + lean, size), (x - width + lean, size)]
    cv2.fillPoly(mask, [np.array(corners, np.int32)], 1.0)
    mask = cv2.resize(cv2.GaussianBlur(cv2.resize(mask, (64, 64)), (0, 0), 1.5), (size, size))  # type: ignore[assignment]
    return _clipped(image * (1 - mask * rng.uniform(0.4, 0.95)))


def wires(image: Picture, rng: np.random.Generator) -> Picture:
    """Bright curves and discs: leads, tubes, electrodes, a port, a side marker."""
    image, size = image.copy(), image.shape[0]
    for _ in range(int(rng.integers(1, 5))):
        nodes = rng.uniform(-0.1, 1.1, (4, 2)) * size
        part = np.linspace(0, 1, 40)[:, None]
        curve = (
            (1 - part) ** 3 * nodes[0]
            + 3 * part * (1 - part) ** 2 * nodes[1]
            + 3 * part**2 * (1 - part) * nodes[2]
            + part**3 * nodes[3]
        )
        layer = image.copy()
        gray, width = int(rng.integers(170, 256)), int(rng.integers(1, 5))
        cv2.polylines(layer, [curve.astype(np.int32)], False, gray, width, cv2.LINE_AA)
        if rng.random() < 0.5:
            x, y = (rng.uniform(0, 1, 2) * size).astype(int).tolist()
            cv2.circle(layer, (x, y), int(rng.integers(4, 22)), gray, -1 if rng.random() < 0.5 else 2)
        weight = float(rng.uniform(0.3, 1))
        image = cv2.addWeighted(layer, weight, image, 1 - weight, 0)  # type: ignore[assignment]
    return image


def collimation(image: Picture, rng: np.random.Generator) -> Picture:
    """Black or white borders of the exposed field, a little turned."""
    size = image.shape[0]
    middle, extent = rng.uniform(0.46, 0.54, 2) * size, rng.uniform(0.8, 1.05, 2) * size
    box = cv2.boxPoints((tuple(middle.tolist()), tuple(extent.tolist()), float(rng.normal(0, 3))))
    inside = np.zeros_like(image)
    cv2.fillPoly(inside, [box.astype(np.int32)], 255)
    border = int(rng.integers(0, 30)) if rng.random() < 0.75 else int(rng.integers(220, 256))
    return np.where(inside > 0, image, np.uint8(border))


def consolidation(image: Picture, rng: np.random.Generator) -> Picture:
    """Soft white clouds: parts of the lung lose their darkness, and its outline must still be found."""
    size = image.shape[0]
    cloud = np.zeros((64, 64), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.integers(8, 56, 2).tolist()
        axes = tuple(rng.integers(3, 13, 2).tolist())
        cv2.ellipse(cloud, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.25, 0.8)), -1)
    cloud = cv2.resize(cv2.GaussianBlur(cloud, (0, 0), float(rng.uniform(1, 5))), (size, size))  # type: ignore[assignment]
    white = float(np.percentile(image[::4, ::4], rng.uniform(65, 90)))
    return _clipped(np.where(image < white, image + (white - image) * cloud, image))


def _grain(shape: tuple[int, ...], sigma_x: float, sigma_y: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of unit deviation, smoothed to a grain."""
    white = rng.standard_normal(shape, np.float32)
    grain = cv2.GaussianBlur(white, (0, 0), max(sigma_x, 0.1), sigmaY=max(sigma_y, 0.1))
    return grain / max(float(grain[::4, ::4].std()), 1e-6)  # type: ignore[return-value]


def _looked_up(image: Picture, levels: NDArray[np.float64]) -> Picture:
    return cv2.LUT(image, np.clip(levels * 255, 0, 255).round().astype(np.uint8))  # type: ignore[return-value]


def _clipped(image: NDArray[np.float32] | NDArray[np.float64]) -> Picture:
    return np.clip(image, 0, 255).astype(np.uint8)


_Steps: TypeAlias = tuple[tuple[float, Callable[[Picture, np.random.Generator], Picture]], ...]
_ULTRASOUND: Final[_Steps] = (
    (0.3, shadow),
    (0.4, uneven_gain),
    (0.3, speckle),
    (0.15, equalised),
    (0.15, sharpen),
    (0.7, gray_levels),
    (0.15, window),
    (0.3, calipers),
    (0.3, text),
    (0.2, cut_out),
    (0.25, blur),
    (0.25, noise),
    (0.2, low_resolution),
    (0.3, jpeg),
)
_RADIOGRAPH: Final[_Steps] = (
    (0.3, consolidation),
    (0.3, uneven_gain),
    (0.3, equalised),
    (0.4, window),
    (0.2, sharpen),
    (0.6, gray_levels),
    (0.3, wires),
    (0.25, collimation),
    (0.25, text),
    (0.2, cut_out),
    (0.25, blur),
    (0.3, noise),
    (0.2, low_resolution),
    (0.3, jpeg),
)
