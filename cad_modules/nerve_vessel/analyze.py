"""Measure nerve and vessel as they lie in the picture."""

from typing import Final

import numpy as np

from cad_modules.contract import AnalysisContext, Findings, Image, Overlay, UnsuitableImage
from cad_modules.geometry import Points, area, border_fraction, doubt, outlines, resampled, simplified
from cad_modules.sonogram import refuse_unusable

BUNDLE: Final = "nerve_segmentation"

SMALLEST_NERVE: Final = 0.004
"""Of the picture; 98 of 100 labelled nerves of USGRA (the largest of each picture) cover 0.005 and more."""
SMALLEST_VESSEL: Final = 0.004
"""Of the picture; the smallest largest vessel covers 0.008."""
LARGEST_BORDER_FRACTION: Final = 0.05
"""Of the outline on the picture's edge: beyond it the structure is cut off and its area would be too small."""
LARGEST_DOUBT: Final = 0.03
"""Of ``geometry.doubt``, nerve and vessel together; USGRA's val split stays below 0.027, and most other organs too."""
OUTLINE_POINTS: Final = 256


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Measure the largest whole nerve and the largest whole vessel, and outline all.

    Args:
        image: Gray, shape (height, width), uint8; a cross-section with a linear probe.
        context: Category and spacing; without ``mm_per_pixel`` everything is in pixels.

    Returns:
        ``nerve_area`` and ``vessel_area`` (mm2), the latter only if there is a vessel; ``nerve_vessel_distance`` (mm),
        the shortest way from the nerve's outline to that of the nearest vessel, 0 if they touch. A structure that the
        picture's edge cuts off is outlined and not measured.

    Raises:
        UnsuitableImage: The picture cannot be used, no nerve or vessel is visible, or they cannot be made out.

    Source: cross-sectional area inside the outline, as in Cartwright et al., Muscle Nerve 2008;37:566-571 (nerves).
    """
    refuse_unusable(image, context)
    height, width = image.shape
    prediction = context.infer(BUNDLE)
    nerves, vessels = (
        [o for o in outlines(prediction.channel(label), height, width) if area(o) >= smallest * height * width]
        for label, smallest in (("nerve", SMALLEST_NERVE), ("vessel", SMALLEST_VESSEL))
    )
    if not nerves and not vessels:
        raise UnsuitableImage("no nerve and no vessel is visible")
    if doubt(prediction.channel("nerve"), prediction.channel("vessel")) > LARGEST_DOUBT:
        raise UnsuitableImage("nerve and vessel cannot be made out: this may be another region or another organ")
    whole_nerves, whole_vessels = (
        [o for o in found if border_fraction(o, height, width) <= LARGEST_BORDER_FRACTION]
        for found in (nerves, vessels)
    )
    findings = []
    if whole_nerves:
        findings.append(context.area("nerve_area", area(whole_nerves[0])))
    if whole_vessels:
        findings.append(context.area("vessel_area", area(whole_vessels[0])))
    if whole_nerves and vessels:
        apart = min(distance(whole_nerves[0], vessel) for vessel in vessels)
        findings.append(context.length("nerve_vessel_distance", apart))
    if not findings:
        raise UnsuitableImage("nerve and vessel are cut off by the edge of the picture")
    return Findings(
        tuple(findings),
        tuple(
            Overlay("polygon", label, simplified(o))
            for label, found in (("nerve", nerves), ("vessel", vessels))
            for o in found
        ),
    )


def distance(first: Points, second: Points) -> float:
    """The shortest way between two closed outlines, in pixels; 0 where one reaches into the other."""
    one, other = resampled(first, OUTLINE_POINTS), resampled(second, OUTLINE_POINTS)
    if reaches_into(one, other) or reaches_into(other, one):
        return 0.0
    return float(np.sqrt(((one[:, np.newaxis] - other[np.newaxis]) ** 2).sum(axis=-1).min()))


def reaches_into(first: Points, second: Points) -> bool:
    """Whether a point of the first outline lies inside the second."""
    start, end = second, np.roll(second, -1, axis=0)
    x, y = first[:, 0, np.newaxis], first[:, 1, np.newaxis]
    crossed = (start[:, 1] <= y) != (end[:, 1] <= y)
    rise = np.where(crossed, end[:, 1] - start[:, 1], 1.0)
    at = start[:, 0] + (y - start[:, 1]) / rise * (end[:, 0] - start[:, 0])
    return bool((np.count_nonzero(crossed & (at > x), axis=1) % 2 == 1).any())
