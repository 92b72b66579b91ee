"""The fetal head in a picture: what the modules that measure it share."""

from typing import Final

from cad_modules.contract import AnalysisContext, Image, UnsuitableImage
from cad_modules.geometry import Ellipse, area, border_fraction, doubt, fit_ellipse, largest_outline, on_border

BUNDLE: Final = "fetal_head_segmentation"
LABEL: Final = "head"

SMALLEST_AREA: Final = 0.02
"""Of the picture. The smallest labelled head of HC18 (2018; all 450 copies at hand) covers 0.062."""
LARGEST_BORDER_FRACTION: Final = 0.15
"""Of the outline on the picture's edge. The largest of HC18 is 0.11; the fit leaves these points out."""
LARGEST_RESIDUAL: Final = 0.06
"""RMS distance of outline and ellipse over the mean radius. Labelled heads of HC18 stay below 0.01, the network's below
0.05 in 99 of 100."""
LARGEST_DOUBT: Final = 0.011
"""Of ``geometry.doubt``. Heads of HC18 (train and val splits) stay below it in 98 of 100, hearts, livers and nerves lie
above it in 95."""
CEPHALIC_INDEX_RANGE: Final = (0.60, 1.0)
"""HC18: 0.66 to 0.92; normal is 0.74 to 0.83 (Hadlock et al., AJR 1981;137:83-85)."""


def head_ellipse(image: Image, context: AnalysisContext) -> Ellipse:
    """The ellipse along the outer border of the skull, in pixels of the picture.

    Args:
        image: Gray, shape (height, width), uint8; a transverse section of the head.
        context: Gives the probability of every pixel to belong to the head.

    Raises:
        UnsuitableImage: There is no head, it is cut off, or its outline is no ellipse.
    """
    height, width = image.shape
    probability = context.infer(BUNDLE).channel(LABEL)
    outline = largest_outline(probability, height, width)
    if outline is None or area(outline) < SMALLEST_AREA * height * width:
        raise UnsuitableImage("no fetal head is visible")
    if doubt(probability) > LARGEST_DOUBT:
        raise UnsuitableImage("the head cannot be made out: this may be another plane or another organ")
    if border_fraction(outline, height, width) > LARGEST_BORDER_FRACTION:
        raise UnsuitableImage("the head is cut off by the edge of the picture")
    ellipse = fit_ellipse(outline, picture=image.shape)
    if ellipse is None or ellipse.residual(outline[~on_border(outline, height, width)]) > LARGEST_RESIDUAL:
        raise UnsuitableImage("the head's outline is not an ellipse")
    if not CEPHALIC_INDEX_RANGE[0] <= ellipse.semi_minor / ellipse.semi_major <= CEPHALIC_INDEX_RANGE[1]:
        raise UnsuitableImage("the outline is too long for a head in a transverse section")
    return ellipse
