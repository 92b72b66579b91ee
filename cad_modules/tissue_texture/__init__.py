"""Texture of soft tissue in an ultrasound picture."""

from cad_modules.contract import CadModule
from cad_modules.tissue_texture.analyze import analyze

MODULE = CadModule(
    name="tissue_texture",
    version="1.0.0",
    summary="Nakagami parameter, entropy and echogenicity of the tissue in an ultrasound picture",
    categories=("us_liver", "us_breast", "us_nerve"),
    features={"nakagami_m": "1", "entropy": "bits", "echogenicity": "1"},
    analyze=analyze,
    experimental=True,
)
