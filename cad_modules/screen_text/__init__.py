"""Text on the screen."""

from cad_modules.contract import CATEGORIES, CadModule
from cad_modules.screen_text.analyze import analyze

MODULE = CadModule(
    name="screen_text",
    version="1.1.0",
    summary="Lines of text on the scanner's screen or burnt into the picture, for reading or masking",
    categories=CATEGORIES,
    features={"text_box_count": "1", "text_area_fraction": "1"},
    analyze=analyze,
    looks_at="screen",
    experimental=True,
)
