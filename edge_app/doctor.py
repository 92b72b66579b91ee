"""``edge-cad doctor``: is every part there? Each line is ok, or says what to do."""

import errno
import os
import shutil
import socket
import sqlite3
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cad_modules.registry import discover
from edge_app.app import open_source
from edge_app.clock import wall_time_trusted
from edge_app.config import CaptureCardSource, Config
from edge_app.controller import controller_settings
from edge_app.errors import EdgeCadError
from edge_app.parts import check_page_packages as check_packages
from edge_app.publisher import check_broker
from firmware_bridge.bridge import Bridge
from firmware_bridge.errors import PortLost
from firmware_bridge.port import describe, open_serial_port, usb_ports
from models.bundle import BUILT_IN_BUNDLES, Bundle, find_bundle
from models.errors import ModelError

FREE_BYTES: Final = 1_000_000_000
"""Less free space than this at the store is not enough for a day of reports with evidence."""
CONTROLLER_S: Final = 3.0
"""Longest wait for the microcontroller's answer."""
EARLIEST_CLOCK: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock before this was never set: this program did not exist then."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's answer."""

    name: str
    ok: bool
    text: str
    """What was found, or what is wrong and what to do."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def examine(config: Config) -> list[Check]:
    """Look at every part that the configuration names; takes a few seconds, changes nothing."""
    parts: dict[str, Callable[[Config], str]] = {
        "source": _source,
        "serial port": _serial_port,
        "broker": _broker,
        "store": _store,
        "page": _page,
        "clock": _clock,
    }
    checks = [_check(name, lambda part=part: part(config)) for name, part in parts.items()]  # type: ignore[misc]
    return [*checks, *_models(config), *_modules(config)]


def _check(name: str, examine_part: Callable[[], str]) -> Check:
    try:
        return Check(name, True, examine_part())
    except (EdgeCadError, ModelError) as error:
        return Check(name, False, str(error))


def _source(config: Config) -> str:
    with open_source(config.source) as source:
        frame = next(iter(source.frames()), None)
        if frame is None:
            raise EdgeCadError(f"{source.name}: gives no picture")
        height, width = frame.pixels.shape[:2]
        told = ", ".join(f"{key} {value}" for key, value in source.describe().items())
    kind = "camera" if isinstance(config.source, CaptureCardSource) else config.source.kind
    return f"{kind} {source.name} gives {width} x {height} ({told})"


def _serial_port(config: Config) -> str:
    settings = config.serial
    if not settings.device:
        ports = ", ".join(describe(port) for port in usb_ports())
        there = f"plugged in: {ports}" if ports else "none is plugged in"
        return f"no controller is configured ({there}); the box works without foot switch and lamp"
    bridge = Bridge(lambda: open_serial_port(settings.device), controller_settings(settings))
    bridge.start()
    try:
        controller = bridge.wait_up(CONTROLLER_S).controller
    except PortLost as error:
        raise EdgeCadError(str(error)) from error
    finally:
        bridge.stop()
    return f"{settings.device}: {controller} answers in {bridge.figures.round_trip_ms:.1f} ms"


def _broker(config: Config) -> str:
    mqtt = config.mqtt
    if mqtt.embedded_broker:
        return f"embedded broker, started with the service on 127.0.0.1:{mqtt.port}"
    check_broker(mqtt)
    return f"{mqtt.host}:{mqtt.port} accepts this device (MQTT {mqtt.version}{', TLS' if mqtt.tls else ''})"


def _store(config: Config) -> str:
    path = config.store.path
    folder = next(parent for parent in (path.parent, *path.parents) if parent.exists())
    if not os.access(folder, os.W_OK):
        raise EdgeCadError(f"{folder} cannot be written by this user: change its owner, or store.path")
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        raise EdgeCadError(f"only {free / 1e6:.0f} MB free at {folder}: free at least {FREE_BYTES / 1e6:.0f} MB")
    if not path.exists():
        return f"{path} will be made; {free / 1e9:.1f} GB free"
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            state = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise EdgeCadError(f"{path}: {error}: the service sets a damaged store aside and starts a new one") from error
    if state != "ok":
        raise EdgeCadError(f"{path} is damaged ({state}): the service sets it aside and starts a new one")
    return f"{path} is sound; {free / 1e9:.1f} GB free"


def _page(config: Config) -> str:
    web = config.web
    if not web.enabled:
        return "off: see [web]"
    check_packages()
    if web.certificate_file is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(web.certificate_file, web.key_file)
        except (ssl.SSLError, OSError) as error:
            raise EdgeCadError(
                f"web.certificate_file, web.key_file: not a certificate with its key: {error}"
            ) from error
    try:
        family, kind, *_, address = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"{web.host}:{web.port} is in use: by the page, if the service runs; else choose another web.port"
        raise EdgeCadError(f"the page cannot listen at {web.host}:{web.port}: {error.strerror}") from error
    return f"can be served at {web.host}:{web.port}{' by https' if web.certificate_file else ''}"


def _clock(config: Config) -> str:
    now = datetime.now(UTC)
    if now < EARLIEST_CLOCK:
        raise EdgeCadError(
            f"the clock says {now:%Y-%m-%d}: set it (timedatectl set-time), or let it reach a time server"
        )
    synchronised = "set from the network" if wall_time_trusted() else "not known to be set from the network"
    return f"{now:%Y-%m-%d %H:%M:%S} UTC, {synchronised}"


def _models(config: Config) -> Iterator[Check]:
    folders = config.router.bundle_folders
    places = (*folders, BUILT_IN_BUNDLES)
    names = {card.parent.name for place in places for card in place.glob("*/card.toml")} | {config.router.bundle}
    for name in sorted(names):
        yield _check(f"model {name}", lambda name=name: _model(name, folders))  # type: ignore[misc]


def _model(name: str, folders: tuple[Path, ...]) -> str:
    started = time.perf_counter()
    bundle = Bundle(find_bundle(name, folders))
    loading_ms = (time.perf_counter() - started) * 1000
    return f"version {bundle.card.version}, golden vectors agree, loads in {loading_ms:.0f} ms"


def _modules(config: Config) -> Iterator[Check]:
    registry = discover(config.router.bundle_folders)
    if registry.modules:
        yield Check("modules", True, f"{len(registry.modules)} CAD modules can run")
    else:
        yield Check("modules", False, "no CAD module is installed: pip install edge-cad again")
    for entry in registry.unusable:
        yield Check(f"module {entry.name}", False, entry.reason)
