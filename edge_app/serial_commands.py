"""``edge-cad serial``: the microcontroller's link for the person with a screwdriver."""

import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from edge_app.command_line import FAILED, MISSING, USAGE, ConfigOption, JsonOption, fail
from edge_app.errors import ConfigError
from firmware_bridge.bench import Switches, measure_link
from firmware_bridge.bridge import Bridge, LinkState
from firmware_bridge.codes import EventKind, Lamp
from firmware_bridge.errors import BadMessage, EmulatorUnavailable, PortLost
from firmware_bridge.ledger import TimedEvent
from firmware_bridge.messages import Buzz, Command, Ping, SetLamp, SetRelay
from firmware_bridge.port import OpenPort, open_serial_port
from firmware_bridge.settings import ControllerSettings

serial_app = typer.Typer(
    help="Watch, try and measure the link to the microcontroller. Stop the service first: it holds the port.",
    no_args_is_help=True,
)

DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device", "-d", help="Port instead of serial.device: a path, usb:VID:PID or auto.", show_default=False
    ),
]
EmulatedOption = Annotated[
    bool, typer.Option("--emulated", help="Start the reference firmware on an emulated board, and use that.")
]
UP_WITHIN_S: Final = 5.0
EVENTS_PER_COMMAND: Final = 0.1
"""Pin changes of the bench, where something can switch the pins."""
READINGS: Final = (EventKind.BATTERY, EventKind.TEMPERATURE)
SENDABLE: Final = "lamp off|scanning|result|not_sure|fault, buzz HERTZ MILLISECONDS, relay NUMBER open|closed, ping"


@serial_app.command()
def monitor(
    device: DeviceOption = None,
    seconds: Annotated[float, typer.Option(help="End after so long; 0: with Ctrl-C.", min=0)] = 0.0,
    emulated: EmulatedOption = False,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON per happening.")] = False,
) -> None:
    """Show the state of the link and every event, as they come. The lamp says scanning meanwhile.

    \b
    edge-cad serial monitor
    edge-cad serial monitor --device /dev/ttyACM0 --json
    """

    def tell(what: str, text: str, **details: Any) -> None:
        at = datetime.now(UTC)
        if as_json:
            typer.echo(json.dumps({"at": at.isoformat(timespec="milliseconds"), "what": what, **details}))
        else:
            typer.echo(f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}  {text}")

    def on_state(state: LinkState) -> None:
        who = f" ({state.controller})" if state.controller else ""
        reason = f": {state.reason}" if state.reason else ""
        tell("state", f"link {state.state}{who}{reason}", **asdict(state))

    def on_event(event: TimedEvent) -> None:
        name = event.kind.name.lower()
        uncertainty_ms = round(event.uncertainty_ns / 1e6, 3)
        age_ms = round((time.monotonic_ns() - event.happened_ns) / 1e6, 3)
        value = f" {event.value}" if event.kind in (EventKind.EXPOSURE_END, *READINGS) else ""
        text = f"{name}{value}  (event {event.counter}, {age_ms:.1f} ms ago, +-{uncertainty_ms:.1f} ms)"
        tell("event", text, event=name, counter=event.counter, value=event.value, age_ms=age_ms,
             uncertainty_ms=uncertainty_ms)  # fmt: skip

    with _port(device, emulated, config) as (open_port, settings, _):
        bridge = Bridge(open_port, settings, on_event, lambda: Lamp.SCANNING, on_state)
        bridge.start()
        try:
            until_s = time.monotonic() + seconds if seconds else float("inf")
            while time.monotonic() < until_s:
                time.sleep(min(0.5, max(0.0, until_s - time.monotonic())))
        except KeyboardInterrupt:
            pass
        finally:
            bridge.stop()
        figures = bridge.figures
    tell("figures", ", ".join(f"{name} {value}" for name, value in asdict(figures).items()), **asdict(figures))


@serial_app.command()
def send(
    words: Annotated[list[str], typer.Argument(help=SENDABLE)],
    device: DeviceOption = None,
    keep: Annotated[
        float, typer.Option(help="Stay connected for so many seconds: without a host the lamp shows the fault.", min=0)
    ] = 0.0,
    emulated: EmulatedOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send one command and say what became of it (exit code 1 if it was not done).

    \b
    edge-cad serial send lamp result --keep 5
    edge-cad serial send buzz 2000 200
    edge-cad serial send relay 0 closed
    """
    try:
        command = _command(words)
    except (BadMessage, ValueError) as error:
        fail(f"{' '.join(words)}: {error}; there are: {SENDABLE}", USAGE)
    lamp = command.lamp if isinstance(command, SetLamp) else None
    with _port(device, emulated, config) as (open_port, settings, _):
        bridge = Bridge(open_port, settings, lamp=lambda: lamp)
        bridge.start()
        try:
            bridge.wait_up(UP_WITHIN_S)
            outcome = bridge.send(command).result()
            time.sleep(keep)
        finally:
            bridge.stop()
    if as_json:
        typer.echo(json.dumps(asdict(outcome)))
    else:
        reason = f": {outcome.reason}" if outcome.reason else ""
        typer.echo(f"{outcome.status}{reason} ({outcome.tries} tries, {outcome.round_trip_ns / 1e6:.1f} ms)")
    raise typer.Exit(0 if outcome.status == "done" else FAILED)


@serial_app.command()
def bench(
    device: DeviceOption = None,
    messages: Annotated[int, typer.Option(help="Commands to send, one after the other.", min=10)] = 1000,
    emulated: EmulatedOption = False,
    pty: Annotated[
        bool, typer.Option("--pty", help="Use the double of the firmware on a pseudo-terminal: what the host costs.")
    ] = False,
    config: ConfigOption = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write the figures into this file.", show_default=False)
    ] = None,
) -> None:
    """Measure round trips; emulated and on a pseudo-terminal, events are made meanwhile and counted.

    Exit code 1 if a command stays unanswered or an event vanishes uncounted.

    \b
    edge-cad serial bench --emulated --json bench.json
    """
    if emulated and pty:
        fail("give --emulated or --pty, not both", USAGE)
    with _port(device, emulated, config, pty) as (open_port, _, switches):
        events = 2 * int(messages * EVENTS_PER_COMMAND / 2) if switches is not None else 0
        figures = measure_link(open_port, messages, switches, events)
    text = json.dumps(asdict(figures), indent=2)
    typer.echo(text)
    if as_json is not None:
        as_json.write_text(text + "\n", encoding="utf-8")
    raise typer.Exit(0 if figures.good else FAILED)


@contextlib.contextmanager
def _port(
    device: str | None, emulated: bool, config: Path | None, pty: bool = False
) -> Iterator[tuple[OpenPort, ControllerSettings, Switches | None]]:
    """The controller that the options name, its settings, and what can switch its pins."""
    from edge_app.config import load_config
    from edge_app.controller import controller_settings

    try:
        serial = load_config(config).serial
        settings = controller_settings(serial)
        with contextlib.ExitStack() as stack:
            if emulated:
                from firmware_bridge.emulator import EmulatedController, build_firmware

                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-cad-")))
                board = stack.enter_context(EmulatedController(build_firmware(folder), folder))
                yield board.open_port, settings, board
            elif pty:
                from firmware_bridge.fake_mcu import FakeMicrocontroller

                double = stack.enter_context(FakeMicrocontroller(on_pty=True))
                yield double.open_port, settings, double
            else:
                name = device or serial.device or "auto"
                yield lambda: open_serial_port(name), settings, None
    except ConfigError as error:
        fail(error, USAGE)
    except (PortLost, EmulatorUnavailable) as error:
        fail(error, MISSING)


def _command(words: list[str]) -> Command:
    """The command in these words.

    Raises:
        BadMessage: A value is outside its limits.
        ValueError: There is no such command.
    """
    match words:
        case ["ping"]:
            return Ping()
        case ["lamp", name] if name.upper() in Lamp.__members__:
            return SetLamp(Lamp[name.upper()])
        case ["buzz", frequency_hz, duration_ms]:
            return Buzz(int(frequency_hz), int(duration_ms))
        case ["relay", number, ("open" | "closed") as state]:
            return SetRelay(int(number), int(state == "closed"))
    raise ValueError("there is no such command")
