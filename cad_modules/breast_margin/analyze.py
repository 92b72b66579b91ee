"""Describe a lesion's margin and the tissue behind it by numbers."""

from typing import Final

import numpy as np

from cad_modules.breast_anatomy import find_lesions
from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay
from cad_modules.geometry import Points, simplified
from cad_modules.lesion_shape import circularity, margin_irregularity

GAP: Final = 0.08
"""Of the lesion's width or height: what lies this near to its outline is left out."""
DEPTH: Final = 0.6
"""Of the lesion's height: how far behind it the tissue is looked at."""
FEWEST_PIXELS: Final = 60
"""Of a patch; smaller ones have no stable median in speckle."""
DARKEST_BESIDE: Final = 6.0
"""Gray level. Beside the lesion, darker tissue is no echo at all, and its ratio is noise."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Describe the largest lesion.

    Args:
        image: Gray, shape (height, width), uint8; the skin at the top.
        context: Category; the spacing plays no part.

    Returns:
        ``margin_irregularity``, the outline's length over that of the ellipse of the same area and moments, less 1: 0
        for an ellipse; ``circularity``, 4 pi area / perimeter^2: 1 for a circle; and, where there is room and echo
        behind the lesion, ``posterior_ratio``, the gray level there over that beside it at the same depth: above 1
        enhancement, below 1 shadow. It depends on the scanner's dynamic range.

    Raises:
        UnsuitableImage: See ``breast_anatomy.find_lesions``.

    Source: BI-RADS features by computer: Chen et al., Radiology 2003;226:504-514 (elliptic-normalized circumference);
    Shen et al., Ultrasound Med Biol 2007;33:1688-1698 (circularity); Horsch et al., Med Phys 2002;29:157-164
    (posterior acoustic behaviour; here medians, which calipers and letters do not move).
    """
    lesions = find_lesions(image, context)
    findings = [
        Finding("margin_irregularity", margin_irregularity(lesions.main), "1"),
        Finding("circularity", circularity(lesions.main), "1"),
    ]
    ratio = posterior_ratio(image, lesions.main)
    if ratio is not None:
        findings.append(Finding("posterior_ratio", ratio, "1"))
    return Findings(tuple(findings), (Overlay("polygon", "lesion", simplified(lesions.main)),))


def posterior_ratio(image: Image, outline: Points) -> float | None:
    """Median gray level behind a lesion over the mean of those to its left and right at the same depth.

    Returns:
        None where there is too little of the picture behind the lesion, or no echo beside that.
    """
    (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
    across, down = right - left, bottom - top
    first = bottom + GAP * down
    rows = slice(round(first), round(first + DEPTH * down) + 1)
    behind = _median(image, rows, left + 0.2 * across, right - 0.2 * across)
    beside = [
        gray
        for start in (left - (GAP + 0.5) * across, right + GAP * across)
        if (gray := _median(image, rows, start, start + 0.5 * across)) is not None and gray >= DARKEST_BESIDE
    ]
    if behind is None or not beside:
        return None
    return float(behind / np.mean(beside))


def _median(image: Image, rows: slice, start: float, end: float) -> float | None:
    patch = image[rows, max(round(start), 0) : max(round(end), 0)]
    return float(np.median(patch)) if patch.size >= FEWEST_PIXELS else None
