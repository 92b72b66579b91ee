"""Lesions in a breast ultrasound picture: what the modules that measure them share."""

from dataclasses import dataclass
from typing import Final

from cad_modules.contract import AnalysisContext, Image, UnsuitableImage
from cad_modules.geometry import Points, area, border_fraction, doubt, outlines
from cad_modules.sonogram import refuse_unusable
from models.bundle import Prediction

BUNDLE: Final = "breast_segmentation"
LABELS: Final = ("lesion", "malignant")

SMALLEST_AREA: Final = 0.0025
"""Of the picture. The smallest labelled lesion of BUSI (train and val splits) covers 0.0028."""
LARGEST_BORDER_FRACTION: Final = 0.10
"""Of the outline on the picture's edge; 98 of 100 labelled lesions of BUSI have none."""
FURTHER_LESION: Final = 0.25
"""Area of a second lesion over the largest: smaller regions are specks more often than lesions."""
LARGEST_DOUBT: Final = 0.042
"""Of ``geometry.doubt``. All lesions of BUSI's val split lie below it (95 of 100 below 0.031). Most of what
is outlined in other organs lies below it too, fetal heads above all: it is the router that keeps those away."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesions:
    """The lesions of one picture."""

    main: Points
    """Outline of the largest, in pixels of the picture."""
    further: tuple[Points, ...]
    """Outlines of others that are not much smaller."""
    prediction: Prediction
    """The network's maps."""


def find_lesions(image: Image, context: AnalysisContext) -> Lesions:
    """Outline the lesions.

    Args:
        image: Gray, shape (height, width), uint8; a gray breast ultrasound picture, the skin at the top.
        context: Gives the probability of every pixel to belong to a lesion.

    Raises:
        UnsuitableImage: The picture cannot be used, there is no lesion, it is cut off, or it cannot be made out.
    """
    refuse_unusable(image, context)
    height, width = image.shape
    prediction = context.infer(BUNDLE)
    probability = prediction.channel("lesion")
    regions = [o for o in outlines(probability, height, width) if area(o) >= SMALLEST_AREA * height * width]
    if not regions:
        raise UnsuitableImage("no lesion is visible")
    if doubt(probability) > LARGEST_DOUBT:
        raise UnsuitableImage("the lesion cannot be made out: its outline is not clear, or this is another organ")
    main = regions[0]
    if border_fraction(main, height, width) > LARGEST_BORDER_FRACTION:
        raise UnsuitableImage("the lesion is cut off by the edge of the picture")
    further = tuple(o for o in regions[1:] if area(o) >= FURTHER_LESION * area(main))
    return Lesions(main, further, prediction)
