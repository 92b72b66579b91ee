"""How probably a breast lesion is malignant."""

from cad_modules.breast_anatomy import BUNDLE
from cad_modules.breast_malignancy.analyze import analyze
from cad_modules.contract import CadModule

MODULE = CadModule(
    name="breast_malignancy",
    version="1.0.0",
    summary="Calibrated probability that the largest lesion in a breast ultrasound picture is malignant",
    categories=("us_breast",),
    features={"malignancy_probability": "1"},
    analyze=analyze,
    models=(BUNDLE,),
    experimental=True,
)
