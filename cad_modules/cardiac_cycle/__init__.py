"""Heart rate and contraction of the left ventricle in a clip of an apical view."""

from cad_modules.cardiac_cycle.analyze import analyze
from cad_modules.contract import CadModule
from cad_modules.ventricle import BUNDLE

MODULE = CadModule(
    name="cardiac_cycle",
    version="1.0.0",
    summary="Heart rate, fractional area change and ejection fraction from a clip of an apical four-chamber view",
    categories=("us_cardiac",),
    features={"heart_rate": "1/min", "fractional_area_change": "1", "ejection_fraction": "1"},
    analyze=analyze,
    scope="clip",
    models=(BUNDLE,),
    experimental=False,
)
