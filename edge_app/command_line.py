"""What the commands have in common: exit codes, options, and how they fail."""

from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

FAILED: Final = 1
"""Something failed or could not be read; the rest was done."""
USAGE: Final = 2
"""Wrong usage or configuration."""
MISSING: Final = 3
"""A part that is needed is missing."""

errors = Console(stderr=True, highlight=False)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; without it, defaults and EDGE_CAD__* variables.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]


def fail(error: Exception | str, code: int) -> NoReturn:
    """Say what is wrong on standard error, and end."""
    errors.print(f"edge-cad: {error}", style="red", markup=False, soft_wrap=True)
    raise typer.Exit(code)
