"""The lungs and the heart in a frontal chest radiograph: what the modules that measure them share."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.chest_field import field_places
from cad_modules.contract import AnalysisContext, Image, UnsuitableImage
from cad_modules.geometry import Points, area, border_fraction, doubt, largest_outline
from cad_modules.radiograph import polarity_doubt

BUNDLE: Final = "chest_segmentation"
ORIENTATION_BUNDLE: Final = "lung_opacity"
"""Its label ``mirrored`` tells the heart's side."""
LABELS: Final = ("lung_right", "lung_left", "heart")

SMALLEST_LUNG: Final = 0.03
"""Area of a lung over that of the picture. The smallest labelled lung of JSRT (116 copies at hand) covers 0.069."""
SMALLEST_HEART: Final = 0.015
"""Area of the heart over that of the picture; JSRT: 0.058 at least."""
LARGEST_BORDER_FRACTION: Final = 0.10
"""Part of an outline on the picture's edge; no labelled lung or heart of JSRT touches it."""
LARGEST_DOUBT: Final = 0.0082
"""Of ``geometry.doubt``, lungs and heart together. 289 of 290 radiographs of JSRT and ChestX-ray14 (train and val
splits) stay below 0.0070; 98 of 100 knees, bones, ultrasound pictures, photographs and CT slices lie above 0.0085."""
SURELY_MIRRORED: Final = 2.0
"""Mean logit over the chest. Val split: 4 of 214 usual pictures lie above, all of 64 pixels; of mirrored ones 93 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Lungs:
    """The outlines of both lung fields, in pixels of the picture."""

    right: Points
    """The patient's right lung: on the left side of the picture."""
    left: Points


def find_lungs(image: Image, context: AnalysisContext) -> Lungs:
    """Outline both lung fields.

    Args:
        image: Gray, shape (height, width), uint8; a frontal chest radiograph, the patient's right on the left side.
        context: Gives the probability of every pixel to belong to each lung.

    Raises:
        UnsuitableImage: A lung is missing, cut off, or on the wrong side, or nothing can be made out.
    """
    prediction = context.infer(BUNDLE)
    if doubt(*(prediction.channel(label) for label in LABELS)) > LARGEST_DOUBT:
        raise UnsuitableImage("lungs and heart cannot be made out: this may be no frontal chest radiograph")
    right = _outline(image, context, "lung_right", "right lung", SMALLEST_LUNG)
    left = _outline(image, context, "lung_left", "left lung", SMALLEST_LUNG)
    if np.median(right[:, 0]) >= np.median(left[:, 0]):
        raise UnsuitableImage("the lungs are not side by side as in a frontal radiograph")
    return Lungs(right, left)


def find_heart(image: Image, context: AnalysisContext, lungs: Lungs) -> Points:
    """Outline the heart's shadow, in pixels of the picture.

    Raises:
        UnsuitableImage: The heart is missing, cut off, or not between the lungs.
    """
    heart = _outline(image, context, "heart", "heart", SMALLEST_HEART)
    if not lungs.right[:, 0].min() < np.median(heart[:, 0]) < lungs.left[:, 0].max():
        raise UnsuitableImage("the heart is not between the lungs")
    return heart


def display_doubt(image: Image, context: AnalysisContext) -> str:
    """Why the way in which a chest is shown makes findings doubtful (gray scale turned, mirrored); empty if not."""
    return "; ".join(filter(None, (polarity_doubt(image, context.category), mirrored_doubt(context))))


def mirrored_doubt(context: AnalysisContext) -> str:
    """What to say if heart, aorta and stomach are on the wrong side; empty if they are not.

    Left and right are those of the usual display. A mirrored picture and a mirrored patient look alike.
    """
    chance = context.infer(ORIENTATION_BUNDLE).channel("mirrored").astype(np.float64)
    if mirrored_logit(chance, field_places(context.infer(BUNDLE), *chance.shape)) < SURELY_MIRRORED:
        return ""
    return "the heart is on the wrong side: the picture may be mirrored, and left and right exchanged"


def mirrored_logit(chance: NDArray[np.float64], places: NDArray[np.float64]) -> float:
    """The mean logit to be mirrored, over the places that are chest.

    Args:
        chance: Of each place, 0 to 1, shape (rows, columns).
        places: How much each counts, same shape.
    """
    safe = np.clip(chance, 1e-6, 1 - 1e-6)
    return float((np.log(safe / (1 - safe)) * places).sum() / max(float(places.sum()), 1e-6))


def _outline(image: Image, context: AnalysisContext, label: str, name: str, smallest: float) -> Points:
    height, width = image.shape
    outline = largest_outline(context.infer(BUNDLE).channel(label), height, width)
    if outline is None or area(outline) < smallest * height * width:
        raise UnsuitableImage(f"the {name} is not visible")
    if border_fraction(outline, height, width) > LARGEST_BORDER_FRACTION:
        raise UnsuitableImage(f"the {name} is cut off by the edge of the picture")
    return outline
