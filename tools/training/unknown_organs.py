"""Draw ultrasound of organs that the router does not know, in real or drawn grain, for it to learn to refuse.

No picture of these organs is used. What is drawn follows what textbooks say of their look: level against the tissue
around them, outline, walls, shadow and enhancement. The grain is that of training pictures, or simulated speckle.
"""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tools.training.organ_scene import HEIGHT, WIDTH, Levels, Scene, rim

Image = NDArray[np.uint8]

FLUID: Final = 6.0
"""Gray level of what gives no echo."""


def _layers(scene: Scene, depth: float) -> None:
    """Skin, fat and muscle with bright sheaths down to a depth (share of the width)."""
    y = 0.0
    while y < depth:
        thickness = scene.between(0.02, 0.12)
        tilt, bend = scene.between(-0.08, 0.08), scene.between(-0.15, 0.15)
        scene.paint(scene.band(y, thickness, tilt, bend), scene.tissue * scene.between(0.5, 1.3))
        scene.paint(scene.band(y + thickness, 0.008, tilt, bend), scene.tissue * scene.between(1.2, 2.2), 0.7)
        y += thickness


def _kidney(scene: Scene) -> None:
    x, y, turn = scene.between(0.35, 0.65), scene.between(0.32, 0.52), scene.between(-30, 30)
    a = scene.between(0.22, 0.42)
    b = a * scene.between(0.4, 0.62)
    kidney = scene.ellipse(x, y, a, b, turn)
    if scene.rng.random() < 0.7:
        scene.paint(rim(kidney, int(scene.rng.integers(1, 6))), scene.tissue * scene.between(1.3, 2.4), 1.2)
    scene.paint(kidney, scene.tissue * scene.between(0.45, 0.95))
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    if scene.rng.random() < 0.6:
        for angle in np.linspace(0, 2 * np.pi, int(scene.rng.integers(7, 13)), endpoint=False):  # pyramids
            across, down = 0.7 * a * np.cos(angle), 0.7 * b * np.sin(angle)
            centre = x + across * cosine - down * sine, y + across * sine + down * cosine
            size = b * scene.between(0.12, 0.22)
            scene.paint(scene.ellipse(*centre, size, size, rough=0.15), scene.tissue * scene.between(0.2, 0.6))
    sinus = scene.ellipse(x, y, a * scene.between(0.4, 0.65), b * scene.between(0.25, 0.5), turn, rough=0.25)
    scene.paint(sinus, min(235.0, scene.tissue * scene.between(1.5, 2.8)), 2.0)
    if scene.rng.random() < 0.3:  # a full pelvis, or a cyst
        cyst = scene.ellipse(
            x + scene.between(-0.1, 0.1), y, a * scene.between(0.1, 0.3), b * scene.between(0.1, 0.4), turn
        )
        scene.paint(cyst, FLUID)
        scene.below(cyst, scene.between(1.0, 1.5))


def _carotid_along(scene: Scene) -> None:
    y, tilt, bend = scene.between(0.2, 0.45), scene.between(-0.2, 0.2), scene.between(-0.12, 0.12)
    _layers(scene, y - 0.06)
    wide = scene.between(0.1, 0.24)
    scene.paint(scene.band(y, wide, tilt, bend), FLUID + scene.between(0, 12))
    for edge in (y - 0.012, y + wide):
        scene.paint(scene.band(edge, 0.014, tilt, bend), min(235.0, scene.tissue * scene.between(1.6, 3.0)), 0.8)
    scene.paint(scene.band(y + wide - 0.022, 0.006, tilt, bend), scene.tissue * scene.between(0.9, 1.8), 0.6)  # intima
    if scene.rng.random() < 0.3:  # plaque
        at = scene.between(0.25, 0.75)
        level = scene.tissue * scene.between(0.8, 2.0)
        scene.paint(scene.ellipse(at, y + wide + tilt * (at - 0.5), scene.between(0.05, 0.14), 0.03, rough=0.2), level)
    scene.below(scene.band(y + wide, 0.02, tilt, bend), scene.between(1.0, 1.5))


def _vessel_across(scene: Scene, x: float, y: float, radius: float) -> None:
    wall = scene.tissue * scene.between(1.2, 2.2)
    lumen = scene.ellipse(x, y, radius, radius * scene.between(0.8, 1.05), rough=0.03)
    scene.paint(rim(lumen, 1), min(235.0, wall), 0.7)
    scene.paint(lumen, FLUID + scene.between(0, 15), 0.8)
    scene.below(lumen, scene.between(1.0, 1.6))


def _carotid_across(scene: Scene) -> None:
    _layers(scene, scene.between(0.1, 0.25))
    x, y, radius = scene.between(0.3, 0.7), scene.between(0.3, 0.5), scene.between(0.06, 0.15)
    if scene.rng.random() < 0.6:
        side = float(scene.rng.choice([-1, 1]))
        vein = scene.ellipse(x + side * radius * 2, y - radius * 0.7, radius * scene.between(0.9, 1.8), radius * 0.8)
        scene.paint(vein, FLUID)
    _vessel_across(scene, x, y, radius)


def _thyroid(scene: Scene) -> None:
    _layers(scene, scene.between(0.1, 0.22))
    gland = scene.tissue * scene.between(1.1, 1.7)
    both = scene.rng.random() < 0.5
    trachea_x = 0.5 + scene.between(-0.06, 0.06) if both else float(scene.rng.choice([0.05, 0.95]))
    y = scene.between(0.3, 0.42)
    for side in (-1, 1) if both else (1 if trachea_x < 0.5 else -1,):
        x = trachea_x + side * (0.24 if both else 0.38)
        a, b = (0.16, 0.12) if both else (scene.between(0.24, 0.36), scene.between(0.14, 0.22))
        scene.paint(scene.ellipse(x, y, a, b, scene.between(-15, 15), rough=0.08), gland)
        if scene.rng.random() < 0.6:
            size = b * scene.between(0.2, 0.6)
            place = x + scene.between(-0.5, 0.5) * a, y + scene.between(-0.3, 0.3) * b
            nodule = scene.ellipse(*place, size, size * scene.between(0.6, 1.0), rough=0.12)
            scene.paint(rim(nodule, 1), gland * 0.6)
            scene.paint(nodule, gland * scene.between(0.1, 1.5))
        if scene.rng.random() < 0.7:
            _vessel_across(scene, x + side * (a + 0.06), y + scene.between(-0.02, 0.08), scene.between(0.04, 0.08))
    if both:
        scene.paint(scene.ellipse(trachea_x, y - 0.06, 0.14, 0.035), gland)
    windpipe = scene.ellipse(trachea_x, y + 0.12, 0.12, 0.13)
    scene.paint(windpipe, scene.tissue * scene.between(0.1, 0.4))
    scene.below(windpipe, scene.between(0.1, 0.5))
    for number in range(int(scene.rng.integers(1, 5))):  # reverberation behind its front wall
        arc = rim(scene.ellipse(trachea_x, y + 0.14 + 0.03 * number, 0.11, 0.11), 1)
        arc[int((y + 0.08 + 0.03 * number) * WIDTH) :] = 0
        scene.paint(arc, min(235.0, scene.tissue * 2.2 / (number + 1)), 0.7)


def _bladder(scene: Scene) -> None:
    a = scene.between(0.18, 0.4)
    full = scene.ellipse(
        0.5 + scene.between(-0.1, 0.1),
        scene.between(0.3, 0.48),
        a,
        a * scene.between(0.45, 0.9),
        scene.between(-15, 15),
        rough=scene.between(0.02, 0.2),
    )
    scene.paint(rim(full, int(scene.rng.integers(1, 4))), scene.tissue * scene.between(1.1, 2.0))
    scene.paint(full, FLUID + scene.between(0, 10))
    scene.below(full, scene.between(1.1, 1.9))
    if scene.rng.random() < 0.4:  # uterus or prostate below
        scene.paint(
            scene.ellipse(0.5, 0.68, scene.between(0.12, 0.25), 0.1, rough=0.1), scene.tissue * scene.between(0.7, 1.3)
        )


def _gallbladder(scene: Scene) -> None:
    x, y, turn = scene.between(0.35, 0.65), scene.between(0.3, 0.5), scene.between(-70, 70)
    pear = scene.ellipse(x, y, scene.between(0.2, 0.34), scene.between(0.08, 0.14), turn, rough=0.12)
    scene.paint(rim(pear, int(scene.rng.integers(1, 4))), scene.tissue * scene.between(1.1, 2.0))
    scene.paint(pear, FLUID)
    if scene.rng.random() < 0.6:
        stone = scene.ellipse(x, y + 0.04, scene.between(0.02, 0.05), 0.02)
        scene.below(stone, 0.15)
        scene.paint(stone, 220.0, 0.7)
    else:
        scene.below(pear, scene.between(1.1, 1.7))


def _bowel(scene: Scene) -> None:
    for _ in range(int(scene.rng.integers(2, 7))):
        loop = scene.ellipse(
            scene.between(0.05, 0.95),
            scene.between(0.1, 0.7),
            scene.between(0.06, 0.18),
            scene.between(0.05, 0.12),
            scene.between(-40, 40),
            rough=0.15,
        )
        scene.paint(rim(loop, 2), scene.tissue * scene.between(0.3, 0.6))
        scene.paint(loop, scene.tissue * scene.between(0.7, 2.4), 1.5)
        if scene.rng.random() < 0.6:
            scene.below(loop, scene.between(0.2, 0.7))


def _joint(scene: Scene) -> None:
    _layers(scene, scene.between(0.15, 0.3))
    for _ in range(int(scene.rng.integers(6, 20))):  # a tendon's fibres
        y, bend = scene.between(0.12, 0.4), scene.between(-0.1, 0.1)
        scene.paint(scene.band(y, 0.005, scene.between(-0.04, 0.04), bend), scene.tissue * scene.between(0.9, 2.0), 0.6)
    y, tilt, bend = scene.between(0.3, 0.5), scene.between(-0.3, 0.3), scene.between(-0.6, 0.6)
    bone = scene.band(y, scene.between(0.01, 0.03), tilt, bend)
    if scene.rng.random() < 0.5:
        gap = scene.between(0.3, 0.7)
        bone[:, int(gap * WIDTH) : int((gap + scene.between(0.03, 0.12)) * WIDTH)] = 0
    scene.below(bone, scene.between(0.02, 0.3))
    scene.paint(bone, scene.between(170, 240), 0.9)


def _stripe_organ(scene: Scene) -> None:
    """Uterus, ovary, testis, spleen, pancreas: a plain organ, with a bright or dark stripe or with follicles."""
    x, y, turn = scene.between(0.35, 0.65), scene.between(0.3, 0.5), scene.between(-40, 40)
    a = scene.between(0.2, 0.42)
    b = a * scene.between(0.35, 0.8)
    body = scene.ellipse(x, y, a, b, turn, rough=0.08)
    scene.paint(rim(body, 1), scene.tissue * scene.between(0.8, 2.2))
    scene.paint(body, scene.tissue * scene.between(0.5, 1.5))
    if scene.rng.random() < 0.5:
        scene.paint(scene.ellipse(x, y, a * 0.7, b * 0.12, turn, rough=0.2), scene.tissue * scene.between(0.2, 2.2))
    else:
        for _ in range(int(scene.rng.integers(1, 8))):
            size = b * scene.between(0.1, 0.3)
            place = x + scene.between(-0.6, 0.6) * a, y + scene.between(-0.5, 0.5) * b
            scene.paint(scene.ellipse(*place, size, size, rough=0.1), FLUID)


def _eye(scene: Scene) -> None:
    x, y, radius = 0.5 + scene.between(-0.1, 0.1), scene.between(0.33, 0.45), scene.between(0.2, 0.33)
    globe = scene.ellipse(x, y, radius, radius * scene.between(0.85, 1.0), rough=0.01)
    scene.paint(rim(globe, int(scene.rng.integers(1, 4))), scene.tissue * 1.7)
    scene.paint(globe, FLUID)
    scene.paint(rim(scene.ellipse(x, y - radius * 0.7, radius * 0.45, radius * 0.2), 1), scene.tissue * 1.8)
    nerve = scene.ellipse(x + scene.between(-0.05, 0.05), y + radius * 1.4, 0.03, radius * 0.5)
    scene.paint(nerve, scene.tissue * 0.3)


def _fetal_body(scene: Scene) -> None:
    """Abdomen or limbs of a fetus in fluid: no skull."""
    scene.paint(np.full((HEIGHT, WIDTH), 255, np.uint8), FLUID + scene.between(0, 25))
    x, y, a = scene.between(0.4, 0.6), scene.between(0.35, 0.48), scene.between(0.18, 0.34)
    body = scene.ellipse(x, y, a, a * scene.between(0.75, 1.0), scene.between(0, 90), rough=0.06)
    scene.paint(body, scene.tissue * scene.between(0.7, 1.2), 2.0)
    for _ in range(3):  # stomach, vein, heart
        size = a * scene.between(0.08, 0.25)
        place = x + scene.between(-0.5, 0.5) * a, y + scene.between(-0.5, 0.5) * a
        scene.paint(scene.ellipse(*place, size, size * scene.between(0.4, 1.0), scene.between(0, 180)), FLUID)
    spine = scene.ellipse(x + a * scene.between(-0.8, 0.8), y + a * 0.6, 0.025, 0.02, rough=0.3)
    scene.below(spine, 0.3)
    scene.paint(spine, 220.0, 0.7)
    scene.paint(scene.band(scene.between(0.6, 0.75), 0.3, 0.1, 0.3), scene.tissue, 3.0)


def _regions(scene: Scene) -> None:
    """Whatever: irregular regions, tubes and lines of any level."""
    for _ in range(int(scene.rng.integers(2, 7))):
        if scene.rng.random() < 0.3:
            tilt, bend = scene.between(-0.4, 0.4), scene.between(-0.6, 0.6)
            mask = scene.band(scene.between(0.05, 0.7), scene.between(0.01, 0.12), tilt, bend)
        else:
            a = scene.between(0.04, 0.35)
            mask = scene.ellipse(
                scene.between(0, 1),
                scene.between(0.05, 0.75),
                a,
                a * scene.between(0.25, 1.0),
                scene.between(0, 180),
                rough=scene.between(0.02, 0.35),
            )
        if scene.rng.random() < 0.5:
            scene.paint(rim(mask, int(scene.rng.integers(1, 4))), scene.tissue * scene.between(0.4, 2.4))
        scene.paint(mask, scene.between(0, 1) ** 1.5 * 200, scene.between(0.6, 4))
        if scene.rng.random() < 0.3:
            scene.below(mask, scene.between(0.1, 1.8))


ORGANS: Final[tuple[Callable[[Scene], None], ...]] = (
    _kidney, _kidney, _kidney, _carotid_along, _carotid_along, _carotid_across, _thyroid, _thyroid, _thyroid,
    _bladder, _gallbladder, _bowel, _joint, _stripe_organ, _stripe_organ, _eye, _fetal_body, _regions, _regions,
)  # fmt: skip


def simulated_grain(rng: Generator) -> Levels:
    """Speckle, mean 1, shape (HEIGHT, WIDTH), wider across and with depth as a beam is."""
    parts = rng.normal(size=(2, HEIGHT, WIDTH)).astype(np.float32)
    across, along = float(rng.uniform(0.6, 2.2)), float(rng.uniform(0.5, 1.2))
    envelope = np.hypot(*(cv2.GaussianBlur(part, (0, 0), across, sigmaY=along) for part in parts))
    grain = np.log(envelope / envelope.mean() + 0.05)
    return np.asarray(1 + (grain - grain.mean()) * float(rng.uniform(0.1, 0.5)), np.float32)


def real_grain(image: Image) -> Levels:
    """The grain of a gray picture of tissue: it, against its own smoothed levels; mean about 1, (HEIGHT, WIDTH)."""
    scaled = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR).astype(np.float32) + 4
    return np.asarray(np.clip(scaled / cv2.GaussianBlur(scaled, (0, 0), 4), 0, 3), np.float32)


def draw_organ(rng: Generator, ground: Image | None = None, grain: Image | None = None) -> Image:
    """An organ that the router does not know, gray, shape (HEIGHT, WIDTH).

    Args:
        rng: Gives every choice.
        ground: Gray picture that is seen around the organ; None draws some layers of tissue.
        grain: Gray picture of tissue whose grain the organ takes; None simulates speckle.
    """
    tissue = float(rng.uniform(35, 120))
    if ground is None:
        coarse = rng.normal(1, 0.2, (int(rng.integers(2, 7)), int(rng.integers(2, 7)))).astype(np.float32)
        levels = np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * tissue, np.float32)
    else:
        around = cv2.resize(ground, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        tissue = float(np.clip(np.median(around[around > 8]) if (around > 8).any() else tissue, 25, 140))
        levels = np.asarray(cv2.GaussianBlur(around, (0, 0), 2.5), np.float32)
    scene = Scene(levels, np.zeros((HEIGHT, WIDTH), np.float32), tissue, rng)
    if ground is None and rng.random() < 0.6:
        _layers(scene, float(rng.uniform(0.05, 0.3)))
    ORGANS[int(rng.integers(len(ORGANS)))](scene)
    texture = simulated_grain(rng) if grain is None else real_grain(grain)
    picture = np.clip(scene.levels, 0, 255) * texture
    if ground is not None:
        picture = around + (picture - around) * scene.drawn
    elif rng.random() < 0.7:
        depth = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
        picture = picture * np.exp(-((depth - float(rng.uniform(0, 0.8))) ** 2) * float(rng.uniform(0, 2.5)))
    return np.asarray(np.clip(picture, 0, 255), np.uint8)
