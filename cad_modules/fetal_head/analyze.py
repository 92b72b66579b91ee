"""Measure the fetal head."""

from typing import Final

import numpy as np

from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay
from cad_modules.fetal_biometry import head_ellipse

ELLIPSE_POINTS: Final = 64
CIRCUMFERENCE_ERROR: Final = 0.051
"""95 % of circumferences lie within this part of the picture's longer side of the expert's (HC18, val split, 2026).

In pixels the error is the same for small and large heads."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Measure the ellipse along the outer border of the skull.

    Args:
        image: Gray, shape (height, width), uint8; a transverse section of the fetal head.
        context: Category and spacing; without ``mm_per_pixel`` lengths are in px.

    Returns:
        ``head_circumference`` (mm), the ellipse's perimeter, with the interval in which 95 % of experts' ones lie;
        ``biparietal_diameter`` (mm), its short axis, outer to outer border; ``occipitofrontal_diameter`` (mm), its
        long axis; ``cephalic_index`` (%), short over long axis.

    Raises:
        UnsuitableImage: There is no head, it is cut off, or its outline is no ellipse.

    Source: van den Heuvel et al., PLoS ONE 2018;13(8):e0200412 (ellipse along the skull, perimeter); Hadlock et al.,
    AJR 1981;137:83-85 (cephalic index).
    """
    ellipse = head_ellipse(image, context)
    height, width = image.shape
    # A head may be cut off a little: the part of the ellipse beyond the picture is drawn along its edge.
    points = np.clip(ellipse.points(ELLIPSE_POINTS), -0.5, (width - 0.5, height - 0.5))
    error = CIRCUMFERENCE_ERROR * max(height, width)
    around = (max(ellipse.perimeter - error, 0.0), ellipse.perimeter + error)
    return Findings(
        findings=(
            context.length("head_circumference", ellipse.perimeter, around),
            context.length("biparietal_diameter", 2 * ellipse.semi_minor),
            context.length("occipitofrontal_diameter", 2 * ellipse.semi_major),
            Finding("cephalic_index", 100 * ellipse.semi_minor / ellipse.semi_major, "%"),
        ),
        overlays=(Overlay("ellipse", "head", tuple((float(x), float(y)) for x, y in points.round(2))),),
    )
