"""Metal, markers and print in a radiograph."""

from cad_modules.contract import RADIOGRAPH, CadModule
from cad_modules.opaque_objects.analyze import analyze

MODULE = CadModule(
    name="opaque_objects",
    version="1.1.0",
    summary="Small sharp-edged bright objects in a radiograph: side markers, print, wires, clips, buttons",
    categories=RADIOGRAPH,
    features={"object_count": "1", "object_area_fraction": "1"},
    analyze=analyze,
    experimental=True,
)
