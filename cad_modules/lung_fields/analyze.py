"""Measure the lung fields."""

from cad_modules.chest_anatomy import display_doubt, find_lungs
from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay
from cad_modules.geometry import area, simplified


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Measure the area of each lung field: what is air in the projection, without the part behind the heart.

    Args:
        image: Gray, shape (height, width), uint8; a frontal chest radiograph, the patient's right on the left side.
        context: Category and spacing; without ``mm_per_pixel`` areas are in px2.

    Returns:
        ``lung_area_left`` and ``lung_area_right`` (mm2, the patient's sides); ``lung_symmetry``, the smaller over the
        larger area, 0 to 1.

    Raises:
        UnsuitableImage: A lung is missing, cut off, or on the wrong side.

    Source: van Ginneken et al., Medical Image Analysis 2006;10:19-40 (what counts as lung field).
    """
    lungs = find_lungs(image, context)
    left, right = area(lungs.left), area(lungs.right)
    return Findings(
        findings=(
            context.area("lung_area_left", left),
            context.area("lung_area_right", right),
            Finding("lung_symmetry", min(left, right) / max(left, right), "1"),
        ),
        overlays=(
            Overlay("polygon", "lung_left", simplified(lungs.left)),
            Overlay("polygon", "lung_right", simplified(lungs.right)),
        ),
        doubt=display_doubt(image, context),
    )
