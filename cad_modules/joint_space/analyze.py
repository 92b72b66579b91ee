"""Measure the joint space of the knee."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay, UnsuitableImage
from cad_modules.knee_joint import COMPARTMENT, SMALLEST_CONTRAST, JointEdges, trace, what_speaks_against
from cad_modules.radiograph import polarity_doubt, usual_polarity

SMALLEST_PICTURE: Final = 96
"""Pixels; the joint space of a normal knee has five pixels then."""
WIDEST_PICTURE: Final = 1.6
"""Width over height; a wider picture shows both knees."""
MEAN_COLUMNS: Final = 7
"""A width is the mean over so many columns, so that one trabecula does not make it."""
LARGEST_RATIO: Final = 0.16
"""Joint space over the bones' width; no knee of OSAIL (train split) has so much."""

SIDE_BAND: Final = (0.22, 0.48)
"""Of the bones' width, below the plateau: where the fibula's head lies."""
SIDE_ZONES: Final = ((-0.06, 0.03), (0.03, 0.10))
"""Of the bones' width, from the tibia's outer border inwards."""
SIDE_WEIGHTS: Final = (4.4, 2.2)
"""Logistic regression on the gradients in each zone, left less right, fitted to 39 knees of OSAIL (train split) whose
fibula could be seen; leaving one out, 38 of 39 are right."""
SURE_SIDE: Final = 1.5
"""Logit; beyond it 30 of 31 were right. Nearer to 0 the sides are not named."""


@dataclass(frozen=True, slots=True)
class Compartment:
    """One half of the joint, in pixels of the image."""

    width: float
    narrowest: tuple[tuple[float, float], tuple[float, float]]
    """The ends, on femur and tibia, of the narrowest place."""
    outline: tuple[tuple[float, float], ...]
    """Of the joint space that was looked at."""
    contrast: float


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Measure the narrowest place between condyle and plateau in both compartments of a knee.

    Args:
        image: Gray, shape (height, width), uint8; a frontal radiograph of one knee.
        context: Category and spacing; without ``mm_per_pixel`` widths are in px.

    Returns:
        ``joint_space_width_picture_left`` and ``_right`` (mm); the same as ``joint_space_width_medial`` and
        ``_lateral`` if the fibula tells which is which, for the picture alone does not; ``joint_space_width_minimum``,
        the smaller; ``joint_space_ratio``, the smaller over the width of the bones.

    Raises:
        UnsuitableImage: There is no joint space that crosses the picture, or the picture is too small or shows both
            knees.

    Source: Buckland-Wright et al., Ann Rheum Dis 1995;54:263-268 (minimum joint space width); ``COMPARTMENT``.
    """
    height, width = image.shape
    if min(height, width) < SMALLEST_PICTURE:
        raise UnsuitableImage("the picture is too small to see a joint space")
    if width > WIDEST_PICTURE * height:
        raise UnsuitableImage("the picture is wider than one knee")
    edges = trace(usual_polarity(image, context.category))
    left, right = _compartment(edges, COMPARTMENT), _compartment(edges, (1 - COMPARTMENT[1], 1 - COMPARTMENT[0]))
    _check(edges, left, right)
    least, side = min(left.width, right.width), fibula_logit(edges)
    span = (edges.right - edges.left) / edges.scale
    named = []
    if abs(side) >= SURE_SIDE:
        medial, lateral = (right, left) if side > 0 else (left, right)
        named = [
            context.length("joint_space_width_medial", medial.width),
            context.length("joint_space_width_lateral", lateral.width),
        ]
    doubts = [
        polarity_doubt(image, context.category),
        "" if named else "the fibula cannot be made out: medial and lateral are not told apart",
        "" if min(left.contrast, right.contrast) >= SMALLEST_CONTRAST else "one compartment's edges are faint",
    ]
    return Findings(
        findings=(
            *named,
            context.length("joint_space_width_picture_left", left.width),
            context.length("joint_space_width_picture_right", right.width),
            context.length("joint_space_width_minimum", least),
            Finding("joint_space_ratio", least / span, "1"),
        ),
        overlays=tuple(
            overlay
            for one in (left, right)
            for overlay in (
                Overlay("polygon", "joint_space", one.outline),
                Overlay("line", "joint_space_width", one.narrowest),
            )
        ),
        doubt="; ".join(filter(None, doubts)),
    )


def fibula_logit(edges: JointEdges) -> float:
    """Above 0: the fibula, and so the lateral side, is at the left of the picture; below 0: at the right.

    Beside the tibia's narrowing metaphysis there is soft tissue medially and the head of the fibula laterally.
    """
    smooth = cv2.GaussianBlur(edges.tone, (0, 0), 1.2)
    gradient = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    columns = gradient.shape[1]
    at_left = _zone_means(gradient, edges.tibia, edges.left, edges.right - edges.left)
    mirrored = gradient[:, ::-1], edges.tibia[::-1], columns - 1 - edges.right
    at_right = _zone_means(*mirrored, edges.right - edges.left)
    return float(np.dot(SIDE_WEIGHTS, at_left - at_right))


def _zone_means(
    gradient: NDArray[np.float32], tibia: NDArray[np.float64], border: int, span: int
) -> NDArray[np.float64]:
    plateau = int(np.median(tibia[border + int(0.1 * span) : border + int(0.4 * span)]))
    rows = slice(plateau + int(SIDE_BAND[0] * span), plateau + int(SIDE_BAND[1] * span))
    means = []
    for begin, end in SIDE_ZONES:
        zone = gradient[rows, max(border + int(begin * span), 0) : max(border + int(end * span), 2)]
        means.append(float(zone.mean()) if zone.shape[0] > 2 else 0.0)
    return np.array(means)


def _compartment(edges: JointEdges, part: tuple[float, float]) -> Compartment:
    columns = edges.columns(part)
    femur, tibia = edges.femur[columns], edges.tibia[columns]
    slope = float(np.polyfit(columns, (femur + tibia) / 2, 1)[0])
    padded = np.pad(tibia - femur, MEAN_COLUMNS // 2, mode="edge")
    # Across the joint, not along the picture's rows: a knee may stand aslant.
    widths = np.convolve(padded, np.ones(MEAN_COLUMNS) / MEAN_COLUMNS, "valid") / np.hypot(1, slope)
    least = int(widths.argmin())

    def to_image(column: float, row: float) -> tuple[float, float]:
        return round((column + 0.5) / edges.scale - 0.5, 2), round((row + 0.5) / edges.scale - 0.5, 2)

    outline = [to_image(x, y) for x, y in zip(columns.tolist(), femur.tolist(), strict=True)]
    outline += [to_image(x, y) for x, y in zip(columns[::-1].tolist(), tibia[::-1].tolist(), strict=True)]
    return Compartment(
        width=max(float(widths[least]), 0.0) / edges.scale,
        narrowest=(to_image(columns[least], femur[least]), to_image(columns[least], tibia[least])),
        outline=tuple(outline),
        contrast=float(np.median(edges.contrast[columns])),
    )


def _check(edges: JointEdges, left: Compartment, right: Compartment) -> None:
    against = what_speaks_against(edges)
    if against:
        raise UnsuitableImage(against)
    if max(left.width, right.width) > LARGEST_RATIO * (edges.right - edges.left) / edges.scale:
        raise UnsuitableImage("the gap is too wide for the joint space of a knee")
