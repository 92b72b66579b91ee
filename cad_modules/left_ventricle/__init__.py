"""Size of the left ventricle in an apical view."""

from cad_modules.contract import CadModule
from cad_modules.left_ventricle.analyze import analyze
from cad_modules.ventricle import BUNDLE

MODULE = CadModule(
    name="left_ventricle",
    version="1.0.0",
    summary="Area, length and single-plane Simpson volume of the left ventricle in an apical four-chamber view",
    categories=("us_cardiac",),
    features={"lv_area": "mm2", "lv_length": "mm", "lv_volume": "ml"},
    analyze=analyze,
    models=(BUNDLE,),
    experimental=False,
)
