"""Nerve and vessel in the cross-sections of regional anaesthesia."""

from cad_modules.contract import CadModule
from cad_modules.nerve_vessel.analyze import BUNDLE, analyze

MODULE = CadModule(
    name="nerve_vessel",
    version="1.0.0",
    summary="Areas of the largest nerve and the largest vessel in a cross-section, and how far they lie apart",
    categories=("us_nerve",),
    features={"nerve_area": "mm2", "vessel_area": "mm2", "nerve_vessel_distance": "mm"},
    analyze=analyze,
    models=(BUNDLE,),
    experimental=True,
)
