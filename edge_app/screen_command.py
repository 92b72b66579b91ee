"""``edge-cad screen``: what is made of a scanner's screen."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edge_app.command_line import FAILED, JsonOption, fail
from edge_app.errors import EdgeCadError


def show_screen(
    picture: Annotated[Path, typer.Argument(help="An image, DICOM file or clip; of a clip, its first frame.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The PNG to write; without it beside PICTURE.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find out what a scanner's screen shows, and draw it to a PNG: its state, and where the picture area is.

    \b
    edge-cad screen screenshot.png -o found.png
    """
    import cv2

    from edge_app import screen
    from edge_app.screen_drawing import draw
    from edge_app.sources.opening import open_path

    try:
        with open_path(picture) as source:
            frame = next(iter(source.frames()), None)
    except EdgeCadError as error:
        fail(error, FAILED)
    if frame is None:
        fail(f"{picture} holds no picture that can be read", FAILED)
    found = screen.look(frame)
    path = output or picture.with_name(f"{picture.stem}.screen.png")
    if not cv2.imwrite(str(path), draw(found)):
        fail(f"{path} cannot be written", FAILED)
    facts = {"state": found.state, "reason": found.reason, "area": asdict(found.area), "drawn": str(path)}
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        area = found.area
        typer.echo(f"{found.state}: {found.reason}")
        typer.echo(f"picture area: {area.width} x {area.height} px at ({area.x}, {area.y}); drawn in {path}")
