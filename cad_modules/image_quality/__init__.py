"""How well a picture can be read."""

from cad_modules.contract import CATEGORIES, CadModule
from cad_modules.image_quality.analyze import analyze

MODULE = CadModule(
    name="image_quality",
    version="1.0.0",
    summary="Sharpness, contrast, noise and clipping of a picture, and one score from them",
    categories=CATEGORIES,
    features={
        "quality_score": "1",
        "sharpness": "1",
        "contrast": "1",
        "noise": "gray levels",
        "clipped_fraction": "1",
    },
    analyze=analyze,
    experimental=True,
)
