"""Joint space of the knee."""

from cad_modules.contract import CadModule
from cad_modules.joint_space.analyze import analyze

MODULE = CadModule(
    name="joint_space",
    version="1.0.0",
    summary="Width of the joint space of the knee between femoral condyles and tibial plateau, in both compartments",
    categories=("xr_knee",),
    features={
        "joint_space_width_medial": "mm",
        "joint_space_width_lateral": "mm",
        "joint_space_width_picture_left": "mm",
        "joint_space_width_picture_right": "mm",
        "joint_space_width_minimum": "mm",
        "joint_space_ratio": "1",
    },
    analyze=analyze,
    experimental=False,
)
