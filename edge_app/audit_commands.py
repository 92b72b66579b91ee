"""``edge-cad audit``: the log of what was done on this box."""

import json
from dataclasses import asdict

import typer

from edge_app.command_line import FAILED, MISSING, USAGE, ConfigOption, JsonOption, fail
from edge_app.errors import ConfigError, EdgeCadError

audit_app = typer.Typer(help="The log of results, exports, changes and commands.", no_args_is_help=True)


@audit_app.callback()
def audit() -> None:
    """The log of results, exports, changes and commands: append-only, each entry with the hash of the one before."""


@audit_app.command()
def verify(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Follow the chain of hashes, and compare it with the reports in the store (exit code 1 if anything is wrong).

    Works beside a running service. Write the last hash down elsewhere to notice a log that was made anew.
    """
    from edge_app.audit import verify as verify_log
    from edge_app.config import load_config

    try:
        path = load_config(config).store.path
        state = verify_log(path)
    except ConfigError as error:
        fail(error, USAGE)
    except EdgeCadError as error:
        fail(error, MISSING)
    if as_json:
        typer.echo(json.dumps(asdict(state), indent=2))
    else:
        typer.echo(f"{path}: {state.entries} entries, last hash {state.last_hash}")
        for problem in state.problems:
            typer.echo(f"  {problem}")
    raise typer.Exit(FAILED if state.problems else 0)
