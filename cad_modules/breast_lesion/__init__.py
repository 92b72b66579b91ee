"""Size of a lesion in a breast ultrasound picture."""

from cad_modules.breast_anatomy import BUNDLE
from cad_modules.breast_lesion.analyze import analyze
from cad_modules.contract import CadModule

MODULE = CadModule(
    name="breast_lesion",
    version="1.0.0",
    summary="Area, width, height and height over width of the largest lesion in a breast ultrasound picture",
    categories=("us_breast",),
    features={"lesion_area": "mm2", "lesion_width": "mm", "lesion_height": "mm", "lesion_aspect": "1"},
    analyze=analyze,
    models=(BUNDLE,),
    experimental=True,
)
