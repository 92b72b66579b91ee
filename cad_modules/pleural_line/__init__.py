"""The pleural line."""

from cad_modules.contract import CadModule
from cad_modules.pleural_line.analyze import analyze

MODULE = CadModule(
    name="pleural_line",
    version="1.0.0",
    summary="Depth and continuity of the pleural line",
    categories=("us_lung",),
    features={"pleura_depth": "mm", "pleura_continuity": "1"},
    analyze=analyze,
    experimental=True,
)
