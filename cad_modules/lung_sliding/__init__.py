"""Motion of the lung against the chest wall in a clip."""

from cad_modules.contract import CadModule
from cad_modules.lung_sliding.analyze import analyze

MODULE = CadModule(
    name="lung_sliding",
    version="1.0.0",
    summary="Motion of the lung behind the pleural line against the chest wall, from a clip",
    categories=("us_lung",),
    features={"sliding_score": "1"},
    analyze=analyze,
    scope="clip",
    experimental=True,
)
