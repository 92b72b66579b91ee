"""A mass in the liver."""

from cad_modules.contract import CadModule
from cad_modules.liver_mass.analyze import BUNDLE, analyze

MODULE = CadModule(
    name="liver_mass",
    version="1.0.0",
    summary="Area of the largest mass in the liver, and how probably it is malignant",
    categories=("us_liver",),
    features={"mass_area": "mm2", "malignancy_probability": "1"},
    analyze=analyze,
    models=(BUNDLE,),
)
