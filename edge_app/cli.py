"""The command line ``edge-cad``.

Exit codes: 0 all is well; 1 something failed or could not be read, the rest was done; 2 wrong usage or configuration;
3 a part that is needed is missing (source, broker, model); 130 interrupted.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge_app.audit_commands import audit_app
from edge_app.command_line import FAILED, MISSING, USAGE, ConfigOption, JsonOption, errors, fail
from edge_app.errors import ConfigError, EdgeCadError, UnreadableImage
from edge_app.messages import DISCLAIMER, Report
from edge_app.screen_command import show_screen
from edge_app.serial_commands import serial_app
from edge_app.store_commands import store_app
from edge_app.subscribe_command import subscribe
from models.errors import ModelError

app = typer.Typer(
    name="edge-cad",
    help="Recognises and measures ultrasound and X-ray pictures on the box beside the machine, and publishes reports "
    f"over MQTT. No cloud. {DISCLAIMER.capitalize()}.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_app = typer.Typer(help="Check a configuration file, or print an example.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(store_app, name="store")
app.add_typer(audit_app, name="audit")
app.command()(subscribe)
app.command("screen")(show_screen)
app.add_typer(serial_app, name="serial")


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )


@app.command()
def run(config: ConfigOption = None) -> None:
    """Run the service: source, router, CAD modules, store, MQTT. Ends on SIGTERM or Ctrl-C, or with its source.

    \b
    edge-cad config example > edge-cad.toml     # write a configuration and edit it
    edge-cad doctor --config edge-cad.toml      # see that every part is there
    edge-cad run --config edge-cad.toml
    """
    from edge_app.app import run_service
    from edge_app.config import load_config

    try:
        settings = load_config(config)
        _log_to_stderr(settings.log.level)
        run_service(settings)
    except ConfigError as error:
        fail(error, USAGE)
    except (EdgeCadError, ModelError) as error:
        fail(error, MISSING)


@app.command()
def demo(
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end, until Ctrl-C.")] = False,
    config: ConfigOption = None,
    seconds: Annotated[float, typer.Option(help="How long each still picture stays on the screen.", min=0.6)] = 1.5,
    page: Annotated[bool, typer.Option("--page", help="Serve the operator's page too, and open it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Play real scanner files through the whole service, as if from a capture card, and show what is delivered.

    Starts a broker of its own unless the configuration names one. Needs: pip install 'edge-cad[demo]'; with --page also
    'edge-cad[web]'.
    """
    from edge_app.config import load_config
    from edge_app.demo import run_demo

    try:
        settings = load_config(config) if config else None
        complete = run_demo(settings, loop=loop, still_s=seconds, as_json=as_json, page=page)
    except ConfigError as error:
        fail(error, USAGE)
    except (EdgeCadError, ModelError) as error:
        fail(error, MISSING)
    raise typer.Exit(0 if complete else FAILED)


@app.command()
def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Images, DICOM files, clips, or folders of them.")],
    category: Annotated[
        str | None, typer.Option("--category", "-C", help="What the pictures show, instead of the router's decision.")
    ] = None,
    mm_per_pixel: Annotated[
        float | None, typer.Option(help="Spacing of pictures that do not know theirs; DICOM does.", min=0.001, max=99)
    ] = None,
    interval: Annotated[
        float, typer.Option(help="Of a clip, seconds between two analysed frames; 0 analyses every frame.", min=0)
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="One report per line (JSON Lines).")] = False,
    config: ConfigOption = None,
) -> None:
    """Analyse files: one report per picture; of a clip, one per analysed frame and one for the whole.

    A file that cannot be read is named on standard error and the rest goes on; the exit code is then 1.

    \b
    edge-cad analyze chest.dcm
    edge-cad analyze --json pictures/ > reports.jsonl
    edge-cad analyze --category us_fetal_head --json head.png
    """
    from edge_app.analyze import analyze_paths
    from edge_app.config import load_config
    from edge_app.terminal import PictureProgress, print_report

    unreadable: list[UnreadableImage] = []

    with PictureProgress(errors) as progress:

        def deliver(report: Report) -> None:
            if as_json:
                sys.stdout.write(report.to_json() + "\n")
                sys.stdout.flush()
            else:
                print_report(Console(), report)
            progress.advance(report.source)

        def on_error(error: UnreadableImage) -> None:
            unreadable.append(error)
            errors.print(f"edge-cad: {error}", style="red", markup=False, soft_wrap=True)

        try:
            settings = load_config(config)
            analyze_paths(
                paths,
                deliver,
                on_error,
                category=category,
                mm_per_pixel=mm_per_pixel,
                interval_s=interval,
                config=settings,
            )
        except (ConfigError, ValueError) as error:
            fail(error, USAGE)
        except ModelError as error:
            fail(error, MISSING)
        except EdgeCadError as error:
            fail(error, FAILED)
    raise typer.Exit(FAILED if unreadable else 0)


@app.command()
def replay(
    report_id: Annotated[str | None, typer.Argument(help="Id of the report.", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Every report in the store.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make reports again from the pictures kept with them, and say whether they come out the same (else exit code 1).

    Works beside a running service. A report on a clip sums up those on its frames, and is not made again itself.

    \b
    edge-cad replay 01934f0e-6a5c-7d1e-9f43-0a3c5e7b9d21
    edge-cad replay --all --json > replay.json
    """
    from edge_app.config import load_config
    from edge_app.replay import open_replayer
    from edge_app.terminal import print_replayed, replayed_as_json

    if (report_id is None) != every:
        fail("give a report id, or --all", USAGE)
    try:
        with open_replayer(load_config(config)) as (replayer, store):
            ids = store.report_ids() if report_id is None else [report_id]
            done = []
            for one in ids:
                done.append(replayer.replay(one))
                if not as_json:
                    print_replayed(Console(), done[-1])
    except ConfigError as error:
        fail(error, USAGE)
    except (EdgeCadError, ModelError) as error:
        fail(error, MISSING)
    summary = replayed_as_json(done)
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
        typer.echo(", ".join(f"{name} {count}" for name, count in summary.items() if isinstance(count, int)))
    raise typer.Exit(FAILED if summary["different"] else 0)


@app.command()
def modules(as_json: JsonOption = False) -> None:
    """Show which CAD modules serve which category, and why a module is unavailable (exit code 1 if one is)."""
    from edge_app.terminal import print_modules, registry_as_json

    from cad_modules.registry import discover  # isort: skip

    registry = discover()
    if as_json:
        typer.echo(json.dumps(registry_as_json(registry), indent=2))
    else:
        print_modules(Console(), registry)
    raise typer.Exit(FAILED if registry.unusable else 0)


@app.command()
def schema(
    what: Annotated[str, typer.Argument(help="report, config (JSON Schema) or asyncapi (AsyncAPI 3.0).")],
) -> None:
    """Print the schema of what leaves the box, made from the same models that write it."""
    from edge_app import schemas

    documents = {"report": schemas.report_schema, "config": schemas.config_schema, "asyncapi": schemas.asyncapi}
    if what not in documents:
        fail(f"unknown schema {what!r}: one of {', '.join(documents)}", USAGE)
    typer.echo(json.dumps(documents[what](), indent=2))


@app.command()
def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check camera, serial port, broker, models, disk and clock: each ok, or what to do (exit code 1)."""
    from edge_app.config import load_config
    from edge_app.doctor import examine
    from edge_app.terminal import print_checks

    try:
        checks = examine(load_config(config))
    except ConfigError as error:
        fail(error, USAGE)
    if as_json:
        typer.echo(json.dumps([check.as_dict() for check in checks], indent=2))
    else:
        print_checks(Console(), checks)
    raise typer.Exit(0 if all(check.ok for check in checks) else FAILED)


@app.command()
def version(as_json: JsonOption = False) -> None:
    """Print the versions of edge-cad, its runtime and its model bundles."""
    from edge_app.terminal import versions

    found = versions()
    typer.echo(json.dumps(found, indent=2) if as_json else "\n".join(f"{name} {text}" for name, text in found.items()))


@config_app.command("check")
def config_check(path: Annotated[Path, typer.Argument(help="The TOML file.")]) -> None:
    """Say every mistake in a configuration file, with its key and the way out."""
    from edge_app.config import load_config

    try:
        load_config(path)
    except ConfigError as error:
        fail(error, USAGE)
    typer.echo(f"{path}: ok")


@config_app.command("example")
def config_example() -> None:
    """Print a complete configuration with every key explained."""
    from edge_app.config import example_text

    typer.echo(example_text(), nl=False)
