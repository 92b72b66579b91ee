"""Look for opacities of the lungs."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.chest_anatomy import BUNDLE as CHEST
from cad_modules.chest_anatomy import LABELS, LARGEST_BORDER_FRACTION, LARGEST_DOUBT, display_doubt
from cad_modules.chest_field import field_places
from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay, UnsuitableImage
from cad_modules.geometry import border_fraction, doubt, largest_outline

BUNDLE: Final = "lung_opacity"
SHARPNESS: Final = 1.5
"""Of the pooling, as the network was trained: 0 averages the places, infinity takes the largest."""
SLOPE: Final = 1.48
OFFSET: Final = 0.64
"""From the pooled logit to that of the probability; fitted to the val split of the two sets with pneumonia labels."""
SMALLEST_LUNG: Final = 0.02
"""Of the picture; a smaller lung field is not seen."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Tell the probability of an opacity, where it is seen, and on which side.

    The network gives a logit for each place. Only places that are chest count (``chest_field``), so that markers,
    borders and the collection's habits outside of it do not.

    Args:
        image: Gray, shape (height, width), uint8; a frontal chest radiograph, the patient's right on the left side.
        context: Gives the places' logits and the lungs.

    Returns:
        ``opacity_probability`` (0 to 1), and the same from each half of the chest alone, by the patient's sides.
        Overlay: a heat map of the places, 0 outside of the chest.

    Raises:
        UnsuitableImage: The lungs cannot be made out.
    """
    anatomy = context.infer(CHEST)
    if doubt(*(anatomy.channel(label) for label in LABELS)) > LARGEST_DOUBT:
        raise UnsuitableImage("lungs and heart cannot be made out: this may be no frontal chest radiograph")
    lungs = {side: largest_outline(anatomy.channel(f"lung_{side}"), *image.shape) for side in ("right", "left")}
    seen = {
        side: outline
        for side, outline in lungs.items()
        if outline is not None and cv2.contourArea(outline.astype(np.float32)) >= SMALLEST_LUNG * image.size
    }
    if not seen:
        raise UnsuitableImage("no lung is visible")
    chance = context.infer(BUNDLE).channel("opacity").astype(np.float64)
    rows, columns = chance.shape
    places = field_places(anatomy, rows, columns)
    middle = _middle(anatomy.values[..., :2].max(axis=-1), columns)
    half = np.clip(np.arange(columns) + 1 - middle, 0, 1)  # part of each column that is the patient's left
    heat = np.clip(chance * (places > 0.5), 0, 1)
    height, width = image.shape
    doubts = [
        display_doubt(image, context),
        *(f"the {side} lung is not visible: it may be white" for side in ("right", "left") if side not in seen),
        *(
            f"the {side} lung is cut off by the edge of the picture"
            for side, outline in seen.items()
            if border_fraction(outline, *image.shape) > LARGEST_BORDER_FRACTION
        ),
    ]
    return Findings(
        findings=(
            Finding("opacity_probability", probability(chance, places), "1"),
            Finding("opacity_probability_left", probability(chance, places * half), "1"),
            Finding("opacity_probability_right", probability(chance, places * (1 - half)), "1"),
        ),
        overlays=(
            Overlay(
                "heatmap",
                "opacity",
                ((-0.5, -0.5), (width - 0.5, height - 0.5)),
                tuple(tuple(round(float(value), 4) for value in row) for row in heat),
            ),
        ),
        doubt="; ".join(filter(None, doubts)),
    )


def probability(chance: NDArray[np.float64], places: NDArray[np.float64]) -> float:
    """The probability of an opacity in some places: a soft maximum of their logits.

    Args:
        chance: Of each place, 0 to 1, shape (rows, columns).
        places: How much each counts, same shape; where none does, all do.
    """
    if places.sum() < 1e-6:
        places = np.ones_like(places)
    safe = np.clip(chance, 1e-6, 1 - 1e-6)
    logits = np.log(safe / (1 - safe))
    pooled = np.log(np.sum(np.exp(SHARPNESS * logits) * places) / places.sum()) / SHARPNESS
    return float(1 / (1 + np.exp(-(SLOPE * pooled + OFFSET))))


def _middle(lungs: NDArray[np.float32], columns: int) -> float:
    """Where the chest's midline is, in columns of the map: half-way between the lungs' outer borders."""
    across = np.flatnonzero((lungs > 0.5).any(axis=0))
    if not len(across):
        return columns / 2
    return float((across[0] + across[-1] + 1) / 2 * columns / lungs.shape[1])
