"""``edge-cad store``: check, repair, export and prune what the box keeps."""

import json
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_app.command_line import FAILED, MISSING, USAGE, ConfigOption, JsonOption, fail
from edge_app.errors import ConfigError, EdgeCadError

store_app = typer.Typer(help="Check, repair, export and prune the reports on this box.", no_args_is_help=True)

BATCH: Final = 500


@store_app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Look for damage: pages, references, and every report and picture against its checksum (exit code 1 if any).

    Works beside a running service; changes nothing.
    """
    from edge_app.config import load_config
    from edge_app.store_check import check_store

    try:
        path = load_config(config).store.path
        state = check_store(path)
    except ConfigError as error:
        fail(error, USAGE)
    except EdgeCadError as error:
        fail(error, MISSING)
    if as_json:
        typer.echo(json.dumps(state.as_dict(), indent=2))
    else:
        typer.echo(
            f"{path}: {state.reports} reports, {state.unsent} unsent, {state.refused} refused, "
            f"{state.size_bytes / 1e6:.1f} MB: {'damaged' if state.problems else 'sound'}"
        )
        for line in state.problems:
            typer.echo(f"  {line}")
        for name in state.set_aside:
            typer.echo(f"  {name} was set aside: edge-cad store repair carries over what can be read of it")
    raise typer.Exit(FAILED if state.problems else 0)


@store_app.command()
def repair(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Set a damaged store aside, and carry over what can be read of it and of those set aside before.

    Stop the service first. May be done again: what is there already stays as it is. The damaged files are left.
    """
    from edge_app.config import load_config
    from edge_app.store import Store
    from edge_app.store_check import check_store, set_aside_files

    try:
        path = load_config(config).store.path
        damaged = path.exists() and bool(_problems(path))
        store = Store(path, damaged=damaged)
        try:
            done = {file.name: asdict(store.carry_over(file)) for file in set_aside_files(path)}
        finally:
            store.close()
        sound = not check_store(path).problems
    except ConfigError as error:
        fail(error, USAGE)
    except EdgeCadError as error:
        fail(error, MISSING)
    if as_json:
        typer.echo(json.dumps({"carried_over": done, "sound": sound}, indent=2))
    else:
        for name, counts in done.items():
            typer.echo(f"{name}: {', '.join(f'{what} {count}' for what, count in counts.items())}")
        typer.echo(f"{path} is {'sound' if sound else 'damaged still: see to the disk'}")
    raise typer.Exit(0 if sound else FAILED)


@store_app.command()
def export(
    after: Annotated[
        datetime | None, typer.Option(help="Only reports made after this moment (UTC).", show_default=False)
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(help="Write the kept pictures into this folder, one folder per report.", show_default=False),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write every report to standard output, one per line (JSON Lines), in the order in which they were made.

    Works beside a running service.

    \b
    edge-cad store export --after 2026-11-01 --evidence pictures > reports.jsonl
    """
    from edge_app.audit import append_beside
    from edge_app.config import load_config
    from edge_app.messages import Report
    from edge_app.seal import read_seal
    from edge_app.store_reader import StoreReader

    moment = None if after is None else after.replace(tzinfo=UTC)
    try:
        settings = load_config(config).store
        path = settings.path
        reader = StoreReader(path, seal=read_seal(settings.key_file))
        append_beside(
            path, "export", {"after": "" if moment is None else str(moment), "evidence": evidence is not None}
        )
        try:
            number = 0
            while rows := reader.bodies(number, BATCH):
                for number, report_id, body, _ in rows:  # noqa: B007 (the next batch begins after it)
                    if moment is not None and Report.from_json(body).created_at <= moment:
                        continue
                    sys.stdout.write(body + "\n")
                    for item in reader.read_evidence(report_id) if evidence is not None else ():
                        assert evidence is not None
                        (evidence / report_id).mkdir(parents=True, exist_ok=True)
                        (evidence / report_id / item.name).write_bytes(item.content)
        finally:
            reader.close()
    except ConfigError as error:
        fail(error, USAGE)
    except (EdgeCadError, OSError) as error:
        fail(error, MISSING)


@store_app.command()
def prune(
    sent_days: Annotated[
        float | None, typer.Option(min=0, help="Instead of store.keep_sent_days.", show_default=False)
    ] = None,
    evidence_days: Annotated[
        float | None, typer.Option(min=0, help="Instead of store.keep_evidence_days.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drop delivered reports and their pictures that are older than configured. What is unsent stays, whatever its age.

    The service does it by itself; stop it before. Trusts this machine's clock.
    """
    from edge_app.app import retention_of
    from edge_app.config import load_config
    from edge_app.store import Store

    try:
        settings = load_config(config).store
        retention = retention_of(settings)
        if sent_days is not None:
            retention = replace(retention, sent_days=sent_days)
        if evidence_days is not None:
            retention = replace(retention, evidence_days=evidence_days)
        store = Store(settings.path)
        try:
            pruned = store.prune(retention, datetime.now(UTC))
        finally:
            store.close()
    except ConfigError as error:
        fail(error, USAGE)
    except EdgeCadError as error:
        fail(error, MISSING)
    if as_json:
        typer.echo(json.dumps(asdict(pruned)))
    else:
        typer.echo(f"dropped {pruned.reports} reports, and the pictures of {pruned.evidence} others")


def _problems(path: Path) -> tuple[str, ...]:
    from edge_app.errors import StoreDamaged
    from edge_app.store_check import check_store

    try:
        return check_store(path).problems
    except StoreDamaged as error:
        return (str(error),)
    except EdgeCadError:  # made by an older version, or not readable: opening it tells
        return ()
