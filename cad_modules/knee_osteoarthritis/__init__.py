"""Osteoarthritis of the knee."""

from cad_modules.contract import CadModule
from cad_modules.knee_osteoarthritis.analyze import BUNDLE, analyze

MODULE = CadModule(
    name="knee_osteoarthritis",
    version="1.0.0",
    summary="Kellgren-Lawrence grade of a frontal knee radiograph and the probability of osteoarthritis",
    categories=("xr_knee",),
    features={"kl_grade": "1", "kl_grade_expected": "1", "oa_probability": "1"},
    analyze=analyze,
    models=(BUNDLE,),
    experimental=False,
)
