"""Whether a lung looks ill."""

from cad_modules.contract import CadModule
from cad_modules.lung_pattern.analyze import BUNDLE, analyze

MODULE = CadModule(
    name="lung_pattern",
    version="1.0.0",
    summary="How much a lung picture resembles those of patients with pneumonia",
    categories=("us_lung",),
    features={"pathology_probability": "1"},
    analyze=analyze,
    models=(BUNDLE,),
    experimental=True,
)
