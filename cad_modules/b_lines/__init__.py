"""B-lines of the lung."""

from cad_modules.b_lines.analyze import analyze
from cad_modules.contract import CadModule

MODULE = CadModule(
    name="b_lines",
    version="1.0.0",
    summary="B-lines: bright streaks from the pleural line that do not fade with depth",
    categories=("us_lung",),
    features={"b_line_count": "lines", "b_line_score": "1"},
    analyze=analyze,
    experimental=True,
)
