"""Gestational age from the head circumference."""

from cad_modules.contract import CadModule
from cad_modules.fetal_biometry import BUNDLE
from cad_modules.gestational_age.analyze import analyze

MODULE = CadModule(
    name="gestational_age",
    version="1.0.0",
    summary="Gestational age from the head circumference (Hadlock 1984), with its published spread",
    categories=("us_fetal_head",),
    features={"gestational_age": "weeks"},
    analyze=analyze,
    models=(BUNDLE,),
    experimental=False,
)
