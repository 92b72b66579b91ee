"""Size and symmetry of the lung fields."""

from cad_modules.chest_anatomy import BUNDLE, ORIENTATION_BUNDLE
from cad_modules.contract import CadModule
from cad_modules.lung_fields.analyze import analyze

MODULE = CadModule(
    name="lung_fields",
    version="1.1.0",
    summary="Area of each lung field in a frontal chest radiograph and their symmetry",
    categories=("xr_chest",),
    features={"lung_area_left": "mm2", "lung_area_right": "mm2", "lung_symmetry": "1"},
    analyze=analyze,
    models=(BUNDLE, ORIENTATION_BUNDLE),
    experimental=False,
)
