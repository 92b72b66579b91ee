"""Exposure of a radiograph."""

from cad_modules.contract import RADIOGRAPH, CadModule
from cad_modules.exposure_check.analyze import analyze

MODULE = CadModule(
    name="exposure_check",
    version="1.1.0",
    summary="Exposure, polarity, clipping, collimation and motion blur of a radiograph",
    categories=RADIOGRAPH,
    features={
        "exposure_score": "1",
        "clipped_fraction": "1",
        "collimated_fraction": "1",
        "sharpness": "1",
        "inverted_probability": "1",
    },
    analyze=analyze,
    experimental=True,
)
