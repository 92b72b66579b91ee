"""Measure the left ventricle's cavity."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay
from cad_modules.geometry import Points, area, crossings, resampled, simplified
from cad_modules.ventricle import BUNDLE, OUTLINE_POINTS, find_cavity, long_axis

DISKS: Final = 20
"""Lang et al. 2015: method of disks with 20 disks."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Measure the cavity from the mitral annulus to the apex.

    Args:
        image: Gray, shape (height, width), uint8; an apical four-chamber view.
        context: Category and spacing; without ``mm_per_pixel`` everything is in pixels.

    Returns:
        ``lv_area`` (mm2); ``lv_length`` (mm), from the middle of the mitral annulus to the apex; ``lv_volume`` (ml),
        the sum of 20 disks across that axis. Where the annulus cannot be told, the area alone.

    Raises:
        UnsuitableImage: There is no left ventricle, it is cut off, in pieces or cannot be made out.

    Source: Lang et al., J Am Soc Echocardiogr 2015;28:1-39 (method of disks; of one plane here, not two).
    """
    height, width = image.shape
    prediction = context.infer(BUNDLE)
    outline = find_cavity(prediction, height, width)
    cavity = resampled(outline, OUTLINE_POINTS)
    findings = [context.area("lv_area", area(outline))]
    overlays = [Overlay("polygon", "left_ventricle", simplified(outline))]
    axis = long_axis(cavity, prediction, height, width)
    if axis is not None:
        base, apex = axis
        findings += _length_and_volume(context, cavity, base, apex)
        overlays.append(Overlay("line", "long_axis", (_point(base), _point(apex))))
    return Findings(tuple(findings), tuple(overlays))


def disk_widths(cavity: Points, base: NDArray[np.float64], apex: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cavity's width across the middle of each disk, from base to apex, in pixels, shape (DISKS,)."""
    along = (apex - base) / np.hypot(*(apex - base))
    relative = cavity - base
    turned = np.column_stack((relative @ np.array((-along[1], along[0])), relative @ along))
    middles = (np.arange(DISKS) + 0.5) / DISKS * np.hypot(*(apex - base))
    found = [crossings(turned, float(middle)) for middle in middles]
    return np.array([across[-1] - across[0] if len(across) else 0.0 for across in found])


def _length_and_volume(
    context: AnalysisContext, cavity: Points, base: NDArray[np.float64], apex: NDArray[np.float64]
) -> list[Finding]:
    length = float(np.hypot(*(apex - base)))
    volume = float(np.sum(math.pi / 4 * disk_widths(cavity, base, apex) ** 2) * length / DISKS)
    return [context.length("lv_length", length), context.volume("lv_volume", volume)]


def _point(point: NDArray[np.float64]) -> tuple[float, float]:
    return round(float(point[0]), 2), round(float(point[1]), 2)
