"""Axes of long bones."""

from cad_modules.bone_axis.analyze import analyze
from cad_modules.contract import CadModule

MODULE = CadModule(
    name="bone_axis",
    version="1.0.0",
    summary="Axes of the long bones in a radiograph of a limb and the largest angle by which one bends",
    categories=("xr_extremity",),
    features={"axis_count": "1", "angulation": "degree"},
    analyze=analyze,
    experimental=True,
)
