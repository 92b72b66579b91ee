"""Opacities of the lungs."""

from cad_modules.chest_anatomy import BUNDLE as CHEST
from cad_modules.contract import CadModule
from cad_modules.lung_opacity.analyze import BUNDLE, analyze

MODULE = CadModule(
    name="lung_opacity",
    version="1.0.0",
    summary="Probability of an opacity, such as pneumonia, in a frontal chest radiograph, by side and as a heat map",
    categories=("xr_chest",),
    features={
        "opacity_probability": "1",
        "opacity_probability_left": "1",
        "opacity_probability_right": "1",
    },
    analyze=analyze,
    models=(BUNDLE, CHEST),
    experimental=False,
)
