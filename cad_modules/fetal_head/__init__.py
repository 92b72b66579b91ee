"""Fetal head circumference and diameters."""

from cad_modules.contract import CadModule
from cad_modules.fetal_biometry import BUNDLE
from cad_modules.fetal_head.analyze import analyze

MODULE = CadModule(
    name="fetal_head",
    version="1.0.0",
    summary="Head circumference, biparietal and occipitofrontal diameter from an ellipse along the skull",
    categories=("us_fetal_head",),
    features={
        "head_circumference": "mm",
        "biparietal_diameter": "mm",
        "occipitofrontal_diameter": "mm",
        "cephalic_index": "%",
    },
    analyze=analyze,
    models=(BUNDLE,),
    experimental=False,
)
