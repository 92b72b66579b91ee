"""Cardiothoracic ratio."""

from cad_modules.cardiothoracic_ratio.analyze import analyze
from cad_modules.chest_anatomy import BUNDLE, ORIENTATION_BUNDLE
from cad_modules.contract import CadModule

MODULE = CadModule(
    name="cardiothoracic_ratio",
    version="1.1.0",
    summary="Width of the heart's shadow over the inner width of the thorax in a frontal chest radiograph",
    categories=("xr_chest",),
    features={"cardiothoracic_ratio": "1", "heart_width": "mm", "thorax_width": "mm"},
    analyze=analyze,
    models=(BUNDLE, ORIENTATION_BUNDLE),
    experimental=False,
)
