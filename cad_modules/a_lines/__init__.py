"""A-lines of the lung."""

from cad_modules.a_lines.analyze import analyze
from cad_modules.contract import CadModule

MODULE = CadModule(
    name="a_lines",
    version="1.0.0",
    summary="A-lines: repeats of the pleural line at multiples of its depth",
    categories=("us_lung",),
    features={"a_line_score": "1", "a_line_spacing": "mm"},
    analyze=analyze,
    experimental=True,
)
