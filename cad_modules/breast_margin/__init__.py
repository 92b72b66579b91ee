"""Margin of a breast lesion, and what lies behind it."""

from cad_modules.breast_anatomy import BUNDLE
from cad_modules.breast_margin.analyze import analyze
from cad_modules.contract import CadModule

MODULE = CadModule(
    name="breast_margin",
    version="1.0.0",
    summary="How irregular and how round a breast lesion's margin is, and shadow or enhancement behind it",
    categories=("us_breast",),
    features={"margin_irregularity": "1", "circularity": "1", "posterior_ratio": "1"},
    analyze=analyze,
    models=(BUNDLE,),
    experimental=True,
)
