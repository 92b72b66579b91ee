"""Estimate the gestational age from the head circumference."""

from typing import Final

from cad_modules.contract import AnalysisContext, Finding, Findings, Image, UnsuitableImage
from cad_modules.fetal_biometry import head_ellipse

CIRCUMFERENCE_RANGE_CM: Final = (6.8, 36.0)
"""The range of the published table; 12.7 to 42.4 weeks."""
SPREAD_WEEKS: Final = ((18.0, 1.19), (24.0, 1.48), (30.0, 2.06), (36.0, 2.98), (float("inf"), 3.20))
"""Age in weeks below which a spread holds, and two standard deviations in weeks (Hadlock 1984).

Copies of the table differ from 36 weeks on (2.70 and 3.20); the wider one is used."""


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Turn the head circumference into an age.

    Args:
        image: Gray, shape (height, width), uint8; a transverse section of the fetal head.
        context: ``mm_per_pixel`` is needed.

    Returns:
        ``gestational_age`` (weeks) with the interval of two standard deviations between fetuses. The measurement's own
        error is not part of it.

    Raises:
        UnsuitableImage: The spacing is not known, there is no whole head, or it is outside of the formula's range.

    Source: Hadlock, Deter, Harrist, Park: Estimating fetal age: computer-assisted analysis of multiple fetal growth
    parameters. Radiology 1984;152:497-501.
    """
    if context.mm_per_pixel is None:
        raise UnsuitableImage("the picture's spacing is not known: a gestational age needs millimetres")
    circumference_cm = head_ellipse(image, context).perimeter * context.mm_per_pixel / 10
    low, high = CIRCUMFERENCE_RANGE_CM
    if not low <= circumference_cm <= high:
        raise UnsuitableImage(
            f"a head circumference of {circumference_cm * 10:.1f} mm is outside of the formula's range, "
            f"{low * 10:.0f} to {high * 10:.0f} mm"
        )
    weeks = weeks_of(circumference_cm)
    spread = next(spread for below, spread in SPREAD_WEEKS if weeks < below)
    return Findings((Finding("gestational_age", weeks, "weeks", (weeks - spread, weeks + spread)),))


def weeks_of(circumference_cm: float) -> float:
    """Age in weeks for a head circumference in cm. Source: Hadlock 1984, regression on the head circumference alone."""
    return 8.96 + 0.540 * circumference_cm + 0.0003 * circumference_cm**3
