"""``edge-cad demo``: real scanner files play as if from a capture card, through the whole service, to a subscriber."""

import json
import os
import socket
import sys
import tempfile
import threading
import time
import webbrowser
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from edge_app.app import Service
from edge_app.config import Config, WebConfig
from edge_app.demo_screen import PICTURES, DemoScreen, Showing
from edge_app.errors import SourceError
from edge_app.messages import DISCLAIMER, Report
from edge_app.page_process import PageProcess
from edge_app.sources.capture_card import CaptureCard
from edge_app.subscriber import Subscriber
from edge_app.terminal import plain, summary

SETTLE_S: Final = 10.0
"""After the last picture, reports may take this long to arrive."""
PAGE_START_S: Final = 15.0
"""The page may take so long until it can be asked."""
ON_EVERY_PICTURE: Final = ("image_quality", "screen_text")
"""Modules that every picture has; the table shows the others first."""


@dataclass(slots=True)
class Shown:
    """One picture of the playlist and what became of it."""

    showing: Showing
    delivered: list[Report] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)

    @property
    def best(self) -> Report | None:
        """The report to show: that on the clip if there is one, else the last."""
        clips = [report for report in self.delivered if report.scope == "clip"]
        return (clips or self.delivered or [None])[-1]  # type: ignore[list-item]


class Delivered:
    """Sorts what the subscriber got by the picture that was on the screen."""

    def __init__(self, screen: DemoScreen) -> None:
        self._screen = screen
        self._lock = threading.Lock()
        self.shown: dict[int, Shown] = {}
        self.reports: dict[str, Report] = {}
        self.repeats = 0
        self.latest: deque[str] = deque(maxlen=1)

    def take(self, report: Report) -> None:
        """Keep one delivered report."""
        now = datetime.now(UTC)
        started = report.frame.captured_at if report.frame else report.clip.start  # type: ignore[union-attr]
        with self._lock:
            if report.report_id in self.reports:
                self.repeats += 1
                return
            self.reports[report.report_id] = report
            showing = self._screen.at(started)
            if showing is None:
                return
            shown = self.shown.setdefault(showing.number, Shown(showing))
            shown.delivered.append(report)
            if report.frame is not None:
                shown.latencies_s.append((now - report.frame.captured_at).total_seconds())

    def rows(self) -> list[Shown]:
        """What was on the screen so far, in order."""
        with self._lock:
            return [self.shown.get(showing.number, Shown(showing)) for showing in self._screen.history()]


def run_demo(config: Config | None, *, loop: bool, still_s: float, as_json: bool, page: bool = False) -> bool:
    """Play the pictures and show what is delivered.

    Args:
        config: Names broker, device and limits; None starts the embedded broker and keeps nothing.
        loop: Begin again at the end, until Ctrl-C.
        still_s: How long a still picture stays on the screen.
        as_json: Print the summary as JSON instead of the table.
        page: Serve the operator's page too, with accounts of its own, and open it where there is a browser.

    Returns:
        True if every picture that was shown was reported and delivered.

    Raises:
        SourceError: The pictures are not installed.
        PageError: The page's packages are not installed.
        BrokerError: The broker cannot be used.
    """
    console = Console(stderr=as_json)
    with tempfile.TemporaryDirectory(prefix="edge-cad-demo-") as folder:
        settings = config or _own_settings(Path(folder))
        if page:
            settings = _with_page(settings, Path(folder))
        screen = DemoScreen(_pictures(), still_s, loop)
        source = CaptureCard(screen, name="demo screen")
        delivered = Delivered(screen)
        started = time.monotonic()
        with (
            Service(settings, source) as service,
            Subscriber(settings.mqtt, settings.device.id, delivered.take),
            Live(console=console, refresh_per_second=4, transient=as_json) as live,
        ):
            player = threading.Thread(target=_play, args=(service, screen), name="demo-player")
            player.start()
            try:
                if service.page is not None:
                    _open_page(service.page.process, console)
                while player.is_alive():
                    player.join(0.25)
                    live.update(_table(delivered, service))
                _wait_until(lambda: len(delivered.reports) >= service.pipeline.progress.reports)
            except KeyboardInterrupt:
                pass
            finally:
                service.stop()
                player.join()
            live.update(_table(delivered, service))
            result = _summary(delivered, service, time.monotonic() - started)
    if as_json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
    else:
        _print_summary(console, result)
    return bool(result["complete"])


def _play(service: Service, screen: DemoScreen) -> None:
    """Run the service until the playlist has ended."""
    ender = threading.Thread(target=_stop_at_end, args=(service, screen), daemon=True)
    ender.start()
    service.run()
    screen.ended.set()
    ender.join()


def _stop_at_end(service: Service, screen: DemoScreen) -> None:
    screen.ended.wait()
    service.stop()


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLE_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def _own_settings(folder: Path) -> Config:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return Config.model_validate(
        {
            "device": {"id": "demo"},
            "mqtt": {"embedded_broker": True, "port": port},
            "store": {"path": str(folder / "store.sqlite3")},
            "analysis": {"deadline_s": 10.0},
        }
    )


def _with_page(settings: Config, folder: Path) -> Config:
    """The same with a page at a free port, whose accounts end with the demo."""
    web = WebConfig(enabled=True, port=0, accounts_path=folder / "accounts.sqlite3")
    return settings.model_copy(update={"web": web})


def _open_page(page: PageProcess, console: Console) -> None:
    """Say where the page is, and show it where there is a screen."""
    if not page.listening.wait(PAGE_START_S):
        console.print("[red]the page did not start: the log says why[/red]")
        return
    console.print(
        f"the page: [bold]{page.url}[/bold]  setup code for the first account: [bold]{page.setup_code}[/bold]"
    )
    if any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        webbrowser.open(f"{page.url}#setup={page.setup_code}")


def _pictures() -> list[Path]:
    try:
        from pydicom.data import get_testdata_file
    except ModuleNotFoundError as error:
        raise SourceError("the demo needs pictures: pip install 'edge-cad[demo]'") from error
    paths = []
    for name in PICTURES:
        found = get_testdata_file(name, download=False)
        if found is None:
            raise SourceError(f"the demo picture {name} is not installed: pip install 'edge-cad[demo]'")
        paths.append(Path(str(found)))
    return paths


def _table(delivered: Delivered, service: Service) -> Table:
    progress, broker = service.pipeline.progress, service.publisher.state
    table = Table(
        title=f"edge-cad demo: {progress.frames} frames, {progress.reports} reports, "
        f"{len(delivered.reports)} delivered; broker {broker.state}",
        caption=DISCLAIMER,
        title_justify="left",
        expand=True,
        show_lines=True,
    )
    table.add_column("on the screen, and recognised", ratio=2, overflow="fold")
    table.add_column("measured", ratio=3, overflow="fold")
    table.add_column("delivered", justify="right")
    for shown in delivered.rows():
        report = shown.best
        if report is None:
            table.add_row(f"[bold]{plain(shown.showing.title)}[/bold]\n...", "", "")
            continue
        found = report.classification
        recognised = f"{found.category} {found.scores[0].probability:.2f}" if found.category else found.reason
        colour = "green" if found.category else "yellow"
        ordered = sorted(report.analyses, key=lambda analysis: analysis.module in ON_EVERY_PICTURE)
        table.add_row(
            f"[bold]{plain(shown.showing.title)}[/bold]\n[{colour}]{plain(recognised)}[/{colour}]",
            "\n".join(f"{entry.module}: {plain(summary(entry))}" for entry in ordered),
            f"{len(shown.delivered)}" + (f"\n{median(shown.latencies_s) * 1000:.0f} ms" if shown.latencies_s else ""),
        )
    return table


def _summary(delivered: Delivered, service: Service, seconds: float) -> dict[str, Any]:
    progress = service.pipeline.progress
    rows = delivered.rows()
    latencies = sorted(latency for shown in rows for latency in shown.latencies_s)
    return {
        "pictures": len(rows),
        "pictures_reported": sum(1 for shown in rows if shown.delivered),
        "frames": progress.frames,
        "dropped": progress.dropped,
        "reports": progress.reports,
        "delivered": len(delivered.reports),
        "repeats": delivered.repeats,
        "unsent": service.store.counts().unsent,
        "latency_ms": {
            "p50": round(latencies[len(latencies) // 2] * 1000, 1) if latencies else None,
            "p95": round(latencies[int(len(latencies) * 0.95)] * 1000, 1) if latencies else None,
        },
        "seconds": round(seconds, 1),
        "complete": bool(rows)
        and all(shown.delivered for shown in rows)
        and len(delivered.reports) == progress.reports,
        "recognised": {
            shown.showing.title: shown.best.classification.category or shown.best.classification.decision
            for shown in rows
            if shown.best is not None
        },
        "features": {
            shown.showing.title: {
                finding.feature: finding.value
                for entry in shown.best.analyses
                if entry.module not in ON_EVERY_PICTURE
                for finding in entry.findings
            }
            for shown in rows
            if shown.best is not None
        },
    }


def _print_summary(console: Console, result: dict[str, Any]) -> None:
    latency = result["latency_ms"]
    console.print(
        f"{result['frames']} frames ({result['dropped']} dropped) of {result['pictures']} pictures in "
        f"{result['seconds']} s; {result['reports']} reports, {result['delivered']} delivered, "
        f"{result['unsent']} waiting; from capture to subscriber {latency['p50']} ms (median), "
        f"{latency['p95']} ms (95 %)"
    )
    if result["complete"]:
        console.print(f"[green]every picture was reported and delivered[/green]  ({DISCLAIMER})")
    else:
        console.print("[red]not every picture was reported and delivered[/red]")
