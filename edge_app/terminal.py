"""Reports, modules and checks as a person reads them on a terminal."""

import importlib.metadata
import sys
from collections import Counter
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cad_modules.contract import CATEGORIES
from cad_modules.registry import Registry
from edge_app.doctor import Check
from edge_app.messages import AnalysisInfo, Report
from edge_app.replay import Replayed
from models.bundle import BUILT_IN_BUNDLES, read_card
from models.errors import ModelError


class PictureProgress:
    """A line on standard error that counts reports while they are made.

    Silent where standard error is no terminal, and where standard output is one: the reports show the progress then.
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.completed} reports"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal or sys.stdout.isatty(),
            redirect_stdout=False,  # reports go where the user sent them
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def advance(self, source: str) -> None:
        """Count one report."""
        self._progress.update(self._task, advance=1, description=source)


def print_report(console: Console, report: Report) -> None:
    """One report in a few lines."""
    found = report.classification
    what = found.category or found.decision
    of_clip = f" (clip, {report.clip.frames} frames)" if report.clip else ""
    console.print(
        f"[bold]{what}[/bold]  {plain(report.source)}{of_clip}  [dim]{plain(found.reason)}[/dim]", soft_wrap=True
    )
    for analysis in report.analyses:
        note = " [dim](experimental)[/dim]" if analysis.experimental else ""
        console.print(f"  {analysis.module}: {plain(summary(analysis))}{note}", soft_wrap=True)


def summary(analysis: AnalysisInfo) -> str:
    """What a module says, in one line."""
    if analysis.status != "ok":
        return f"{analysis.status}: {analysis.reason}"
    doubt = f" ({analysis.reason})" if analysis.reason else ""
    if not analysis.findings:
        return f"nothing found{doubt}"
    values = ", ".join(
        f"{finding.feature} {finding.value:.4g}{'' if finding.unit == '1' else ' ' + finding.unit}"
        for finding in analysis.findings
    )
    return values + doubt


def print_modules(console: Console, registry: Registry) -> None:
    """The matrix of modules and categories."""
    caption = "● serves the category   ○ the same, experimental: not validated against labels"
    table = Table(caption=caption, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("module", no_wrap=True)
    for category in CATEGORIES:
        table.add_column(category.replace("_", "_\n"), justify="center", no_wrap=True)
    for module in registry.modules:
        mark = "○" if module.experimental else "●"
        table.add_row(module.name, *(mark if name in module.categories else "" for name in CATEGORIES))
    console.print(table)
    for module in registry.modules:
        features = ", ".join(f"{name}{'' if unit == '1' else f' ({unit})'}" for name, unit in module.features.items())
        console.print(f"[bold]{module.name}[/bold]: {plain(features)}", soft_wrap=True)
    for missing in registry.unusable:
        console.print(f"[red]unavailable[/red] {missing.name}: {plain(missing.reason)}", soft_wrap=True)


def registry_as_json(registry: Registry) -> dict[str, Any]:
    """The same for programs."""
    return {
        "modules": [
            {
                "name": module.name,
                "version": module.version,
                "summary": module.summary,
                "categories": list(module.categories),
                "features": dict(module.features),
                "models": list(module.models),
                "scope": module.scope,
                "experimental": module.experimental,
            }
            for module in registry.modules
        ],
        "unavailable": [{"name": missing.name, "reason": missing.reason} for missing in registry.unusable],
    }


def print_checks(console: Console, checks: list[Check]) -> None:
    """One line per check."""
    for check in checks:
        mark = "[green]ok  [/green]" if check.ok else "[red]fail[/red]"
        console.print(f"{mark} {check.name}: {plain(check.text)}", soft_wrap=True)


def print_replayed(console: Console, replayed: Replayed) -> None:
    """What became of one report that was made again."""
    console.print(f"{replayed.report_id} {replayed.verdict}  {plain(replayed.reason)}", soft_wrap=True)
    for line in (*replayed.differences, *replayed.changed):
        console.print(f"  {plain(line)}", soft_wrap=True)


def replayed_as_json(done: list[Replayed]) -> dict[str, Any]:
    """Counts, and each report that did not come out the same."""
    counts = Counter(one.verdict for one in done)
    return {
        "replayed": len(done) - counts["not_replayable"],
        "identical": counts["identical"],
        "different": counts["different"],
        "not_comparable": counts["not_comparable"],
        "not_replayable": counts["not_replayable"],
        "reports": [one.as_dict() for one in done if one.verdict != "identical"],
    }


def versions() -> dict[str, str]:
    """Versions of the program, the libraries that compute, and the model bundles."""
    found = {}
    for name in ("edge-cad", "numpy", "opencv-python-headless", "ai-edge-litert", "tflite-runtime", "paho-mqtt"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    for folder in sorted(path.parent for path in BUILT_IN_BUNDLES.glob("*/card.toml")):
        try:
            card = read_card(folder)
            found[f"model {card.name}"] = f"{card.version} {card.sha256[:12]}"
        except ModelError as error:
            found[f"model {folder.name}"] = f"unusable: {error}"
    return found


def plain(text: str) -> str:
    """Text with square brackets as such, not as markup."""
    return text.replace("[", "\\[")
