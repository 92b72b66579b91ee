"""``edge-cad subscribe``: the subscriber's side."""

import logging
import signal
import sys
from typing import Annotated

import typer

from edge_app.command_line import FAILED, MISSING, USAGE, ConfigOption, fail
from edge_app.errors import BrokerError, ConfigError, EdgeCadError


def subscribe(
    output: Annotated[
        str, typer.Option("--output", "-o", help="FILE.jsonl, FILE.sqlite3, or - for standard output.")
    ] = "-",
    device: Annotated[str, typer.Option(help="Whose reports; + for all boxes.")] = "+",
    client_id: Annotated[
        str, typer.Option(help="Names the session at the broker; no two subscribers may share it.")
    ] = "edge-cad-subscribe",
    application: Annotated[str, typer.Option(help="Signs the receipts.")] = "edge-cad-subscribe",
    receipts: Annotated[bool, typer.Option(help="Send a receipt for each report that was kept.")] = True,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many new reports.", show_default=False)] = None,
    config: ConfigOption = None,
) -> None:
    """Receive reports and keep each of them once: what an integrator needs to start.

    The broker is the one in [mqtt] of the configuration. The session there outlives this program: what boxes publish
    while it is away waits for it (mosquitto: persistence true, max_queued_messages 0). A report is checked against the
    schema, written to the disk, and only then acknowledged; one that comes again is known by its report_id. With
    mqtt.delivery = "receipt" at the box, it leaves the box's outbox when this program says that it has it; a message
    that is no report is refused with the reason.

    Runs until SIGTERM or Ctrl-C. Lost connections come back by themselves. It ends with code 1 when a report cannot be
    written; the report is then not acknowledged, and comes again.

    \b
    edge-cad subscribe                                  # JSON Lines on standard output, log on standard error
    edge-cad subscribe -o reports.jsonl                 # a file that may be followed
    edge-cad subscribe -o reports.sqlite3 --device cart-7
    sqlite3 reports.sqlite3 "SELECT feature, avg(value), unit FROM findings GROUP BY feature, unit"
    """
    from edge_app.config import load_config
    from edge_app.messages import Report
    from edge_app.report_sink import open_sink
    from edge_app.subscription import Subscription

    left = count

    def on_report(report: Report) -> None:
        nonlocal left
        if left is not None:
            left -= 1
            if left == 0:
                subscription.stop()

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    try:
        settings = load_config(config).mqtt
        sink = open_sink(output)
        try:
            subscription = Subscription(settings, sink, device, client_id, application if receipts else None, on_report)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: subscription.stop())
            subscription.run()
        finally:
            sink.close()
    except (ConfigError, ValueError) as error:
        fail(error, USAGE)
    except BrokerError as error:
        fail(error, MISSING)
    except (EdgeCadError, OSError) as error:
        fail(error, FAILED)
