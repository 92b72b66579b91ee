"""Find the largest mass in the liver, measure it, and say how it looks."""

from dataclasses import dataclass
from typing import Final

from cad_modules.contract import AnalysisContext, Findings, Image, Overlay, UnsuitableImage
from cad_modules.geometry import Points, area, border_fraction, doubt, largest_outline, outlines, simplified
from cad_modules.malignancy import Calibration, malignant_logit
from cad_modules.sonogram import refuse_unusable
from models.bundle import Prediction

BUNDLE: Final = "liver_segmentation"

SMALLEST_LIVER: Final = 0.04
"""Of the picture."""
SMALLEST_MASS: Final = 0.0008
"""Of the picture; 98 of 100 labelled masses (Xu et al. 2023) cover more."""
FURTHER_MASS: Final = 0.4
"""Area of a second mass over the largest: smaller regions are vessels more often than masses."""
LARGEST_BORDER_FRACTION: Final = 0.10
"""Of the outline on the picture's edge; no labelled mass touches it."""
LARGEST_DOUBT: Final = 0.06
"""Of ``geometry.doubt``, the mass alone; nine of ten masses of the val split lie below it."""
CALIBRATION: Final = Calibration(
    names=("malignant_logit",),
    weights=(1.21256, 0.491696),
    covariance=((0.526172, -0.445067), (-0.445067, 0.58907)),
)
"""Of bundle 1.0.0 on the val split of Xu et al. (32 malignant, 6 benign masses), by ``tools/fit_malignancy``: so few
benign ones that the interval is wide, and the probability says little more than that most masses were malignant."""


@dataclass(frozen=True, slots=True, eq=False)
class Masses:
    """The masses of one picture, outlined in its pixels."""

    main: Points
    """The largest."""
    further: tuple[Points, ...]
    liver: Points
    prediction: Prediction


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Measure the largest mass.

    Args:
        image: Gray, shape (height, width), uint8; the liver, with a curved probe.
        context: Category and spacing; without ``mm_per_pixel`` the area is in square pixels.

    Returns:
        ``mass_area`` (mm2) and ``malignancy_probability`` with the interval of its calibration (see
        ``malignancy.Calibration``).

    Raises:
        UnsuitableImage: The picture cannot be used, there is no liver or no mass, or it cannot be made out.

    Source: Xu et al., Brief Bioinform 2023;24:bbac569 (benign and malignant masses by network).
    """
    masses = find_masses(image, context)
    findings = (context.area("mass_area", area(masses.main)), CALIBRATION.probability(evidence(image, masses)))
    overlays = [Overlay("polygon", "mass", simplified(one)) for one in (masses.main, *masses.further)]
    return Findings(findings, (*overlays, Overlay("polygon", "liver", simplified(masses.liver))))


def evidence(image: Image, masses: Masses) -> tuple[float, ...]:
    """What the probability is computed from, in the order of ``CALIBRATION.names``."""
    return (malignant_logit(masses.prediction, masses.main, *image.shape),)


def find_masses(image: Image, context: AnalysisContext) -> Masses:
    """Outline the liver and the masses in it.

    Raises:
        UnsuitableImage: See ``analyze``.
    """
    refuse_unusable(image, context)
    height, width = image.shape
    prediction = context.infer(BUNDLE)
    liver = largest_outline(prediction.channel("liver"), height, width)
    if liver is None or area(liver) < SMALLEST_LIVER * height * width:
        raise UnsuitableImage("no liver is visible")
    probability = prediction.channel("mass")
    masses = [o for o in outlines(probability, height, width) if area(o) >= SMALLEST_MASS * height * width]
    if not masses:
        raise UnsuitableImage("no mass is visible in the liver")
    if doubt(probability) > LARGEST_DOUBT:
        raise UnsuitableImage("the mass cannot be made out: its outline is not clear, or this is another organ")
    main = masses[0]
    if border_fraction(main, height, width) > LARGEST_BORDER_FRACTION:
        raise UnsuitableImage("the mass is cut off by the edge of the picture")
    further = tuple(o for o in masses[1:] if area(o) >= FURTHER_MASS * area(main))
    return Masses(main, further, liver, prediction)
