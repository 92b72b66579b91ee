"""The joint space of a knee: femoral condyles and tibial plateau on both sides of a gap that crosses the picture."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import Image

Plane = NDArray[np.float32]

SMALLEST_SIDE: Final = 256
LARGEST_SIDE: Final = 320
"""The longest side of the picture that is searched, in pixels; smaller ones are enlarged, larger ones reduced."""
NEIGHBOURHOOD: Final = 0.1
"""Of the longest side: contrast is made even over it."""
FAINTEST: Final = 4.0
"""Gray levels: what varies less is noise."""
WIDEST_HALF_SPACE: Final = 16
USUAL_HALF_SPACE: Final = 10
"""Pixels; beyond it a gap counts for less (only the notch between the condyles is so high)."""
WIDE_WEIGHT: Final = 0.7
NOTCH: Final = (0.38, 0.62)
"""Part of the width where the notch may be; the joint space is not measured there, and it weighs less."""
NOTCH_WEIGHT: Final = 0.35
OUTER_ROWS: Final = 6
"""A sixth of the picture at the top and at the bottom has no joint."""
REACH: Final = 14
"""Pixels from the middle of the gap to its edges."""
BORDER_BAND: Final = (0.04, 0.16)
"""Of the width, below and above the gap: where the bones' outer borders are looked for."""
BORDER_ZONE: Final = 0.35
"""Of the width, at both sides."""
COMPARTMENT: Final = (0.14, 0.36)
"""Part of the bones' width, from their outer border, in which a compartment is measured.

Source: Duryea et al., Osteoarthritis Cartilage 2010;18(7):S26 and Neumann et al., 2009;17:761-765 measure at fixed
places from 0.15 to 0.30 of the width medially and from 0.70 to 0.90 laterally."""
SMALLEST_CONTRAST: Final = 0.15
"""Median steepness of the weaker edge of the better compartment. Train split of OSAIL: 98 of 100 knees lie above."""
STEEPEST_LINE: Final = 0.35
"""Rows a column; a joint line that slopes more belongs to no standing knee."""


@dataclass(frozen=True, slots=True, eq=False)
class JointEdges:
    """The traced edges, in pixels of the searched picture; one entry a column."""

    tone: Plane
    """The searched picture, contrast made even."""
    scale: float
    """Pixels of the searched picture to one of the image."""
    femur: NDArray[np.float64]
    """Row of the condyles' lower edge."""
    tibia: NDArray[np.float64]
    """Row of the plateau's upper edge."""
    contrast: NDArray[np.float64]
    """Steepness of the weaker of both edges."""
    left: int
    """Column of the bones' outer border at the left of the picture."""
    right: int

    def columns(self, part: tuple[float, float]) -> NDArray[np.int64]:
        """Those of a part of the bones' width, 0 at the left."""
        span = self.right - self.left
        first = self.left + int(part[0] * span)
        return np.arange(first, max(self.left + int(part[1] * span), first + 2) + 1)


def what_speaks_against(edges: JointEdges) -> str:
    """Why the gap is not the joint space of a knee; empty if nothing says so."""
    middle = (edges.femur + edges.tibia) / 2
    inside = np.arange(edges.left, edges.right + 1)
    if abs(float(np.polyfit(inside, middle[inside], 1)[0])) > STEEPEST_LINE:
        return "no joint space crosses the picture from side to side"
    sides = (COMPARTMENT, (1 - COMPARTMENT[1], 1 - COMPARTMENT[0]))
    if max(float(np.median(edges.contrast[edges.columns(side)])) for side in sides) < SMALLEST_CONTRAST:
        return "no joint space can be made out"
    return ""


def trace(image: Image) -> JointEdges:
    """Find the dark gap that crosses the picture and its edges.

    The middle of the gap and each edge is the path from left to right along which the evidence is strongest (dynamic
    programming). Evidence for the middle is a falling step above and a rising one at the same distance below it.

    Args:
        image: Gray, shape (height, width), uint8; bone white.
    """
    longest = max(image.shape)
    scale = min(max(SMALLEST_SIDE / longest, 1.0), LARGEST_SIDE / longest)
    width, height = (max(round(side * scale), 1) for side in image.shape[::-1])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    tone = _even_contrast(np.asarray(cv2.resize(image, (width, height), interpolation=way), np.float32))
    smooth = cv2.GaussianBlur(tone, (0, 0), 1.2)
    slope = cv2.GaussianBlur(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3) / 8, (5, 1), 1.2)
    falling, rising = np.maximum(-slope, 0), np.maximum(slope, 0)
    middle = _best_path(_gap_evidence(falling, rising), smoothness=0.004)
    femur, above = _edge(falling, middle, -1)
    tibia, below = _edge(rising, middle, 1)
    left, right = _borders(tone, femur, tibia)
    return JointEdges(tone, scale, femur, tibia, np.minimum(above, below), left, right)


def _even_contrast(gray: Plane) -> Plane:
    sigma = NEIGHBOURHOOD * max(gray.shape)
    difference = gray - cv2.GaussianBlur(gray, (0, 0), sigma)
    return np.asarray(difference / (np.sqrt(cv2.GaussianBlur(difference**2, (0, 0), sigma)) + FAINTEST), np.float32)


def _gap_evidence(falling: Plane, rising: Plane) -> Plane:
    rows, columns = falling.shape
    evidence = np.zeros((rows, columns), np.float32)
    for half in range(1, min(WIDEST_HALF_SPACE, (rows - 1) // 2) + 1):
        weight = np.float32(1 if half <= USUAL_HALF_SPACE else WIDE_WEIGHT)
        inner = evidence[half : rows - half]
        np.maximum(inner, weight * np.minimum(falling[: rows - 2 * half], rising[2 * half :]), out=inner)
    evidence[: rows // OUTER_ROWS] = 0
    evidence[rows - rows // OUTER_ROWS :] = 0
    evidence[:, int(NOTCH[0] * columns) : int(NOTCH[1] * columns)] *= NOTCH_WEIGHT
    return evidence


def _best_path(evidence: Plane, smoothness: float) -> NDArray[np.int64]:
    """The row in each column of the path with the largest sum of evidence; it moves by two rows a column at most.

    Args:
        evidence: Shape (rows, columns).
        smoothness: Cost of the square of each move.
    """
    rows, columns = evidence.shape
    moves = np.arange(-2, 3)
    cost = (smoothness * moves**2).astype(np.float32)[:, np.newaxis]
    source = np.arange(rows) - moves[:, np.newaxis]
    outside = np.where((source < 0) | (source >= rows), np.float32(1e9), np.float32(0)) + cost
    source = np.clip(source, 0, rows - 1)
    came = np.zeros((columns, rows), np.int64)
    total = evidence[:, 0].copy()
    every = np.arange(rows)
    for column in range(1, columns):
        candidates = total[source] - outside
        move = candidates.argmax(axis=0)
        came[column] = source[move, every]
        total = candidates[move, every] + evidence[:, column]
    path = np.empty(columns, np.int64)
    path[-1] = int(total.argmax())
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came[column, path[column]]
    return path


def _edge(steps: Plane, middle: NDArray[np.int64], direction: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The row (between the pixels) of the steepest nearby step in each column, and its steepness."""
    rows, columns = steps.shape
    distance = np.arange(REACH + 1)[:, np.newaxis]
    at = np.clip(middle + direction * distance, 0, rows - 1)
    profile = steps[at, np.arange(columns)]
    # Of two edges the nearer: the plateau's far rim casts one too.
    path = _best_path((profile - np.float32(0.003) * distance).astype(np.float32), smoothness=0.01)
    every, inner = np.arange(columns), np.clip(path, 1, REACH - 1)
    before, here, behind = (profile[inner + step, every].astype(np.float64) for step in (-1, 0, 1))
    bend = before - 2 * here + behind
    shift = np.where(bend < -1e-6, (before - behind) / 2 / np.where(bend < -1e-6, bend, 1), 0)
    shift = np.clip(shift, -0.5, 0.5) * (path == inner)
    return middle + direction * (path + shift), profile[path, every].astype(np.float64)


def _borders(tone: Plane, femur: NDArray[np.float64], tibia: NDArray[np.float64]) -> tuple[int, int]:
    """The bones' outer columns: where bands above and below the gap rise most at the left and fall at the right."""
    rows, columns = tone.shape
    across = cv2.Sobel(cv2.GaussianBlur(tone, (0, 0), 1.5), cv2.CV_32F, 1, 0, ksize=3)
    every, zone = np.arange(columns), max(int(BORDER_ZONE * columns), 3)
    central = slice(columns // 6, columns - columns // 6)
    lefts, rights = [], []
    for edge, direction in ((tibia, 1), (femur, -1)):
        line = np.polyval(np.polyfit(every[central], edge[central], 1), every)
        steps = direction * np.arange(int(BORDER_BAND[0] * columns), int(BORDER_BAND[1] * columns))[:, np.newaxis]
        band = np.clip(np.rint(line + steps).astype(np.int64), 0, rows - 1)
        profile = cv2.GaussianBlur(across[band, every].mean(axis=0)[np.newaxis].astype(np.float32), (0, 0), 2)[0]
        lefts.append(2 + int(profile[2:zone].argmax()))
        rights.append(columns - zone + int(profile[columns - zone : columns - 2].argmin()))
    return min(lefts), max(rights)
