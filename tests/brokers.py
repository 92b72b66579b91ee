"""Real MQTT brokers and clients for tests."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
OPENSSL = shutil.which("openssl")

Tool = TypeVar("Tool")


def need(tool: Tool | None, name: str, install: str = "") -> Tool:
    """What the test needs; without it the test is skipped, or fails where nothing may be skipped."""
    if tool is None:
        text = f"{name} is not installed: {install or f'apt-get install {name}'}"
        if os.environ.get("EDGE_CAD_REQUIRE_ALL") == "1":
            pytest.fail(text)
        pytest.skip(text)
    return tool


def same_path() -> dict[str, str]:
    """The environment of a child process that is to import what this one can."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"after {timeout_s} s: not {what}"
        time.sleep(0.01)


class Mosquitto:
    """A mosquitto on a free loopback port, with its own folder.

    Args:
        folder: For configuration, log and persistence.
        lines: More configuration.
        anonymous: Anybody may connect; else ``lines`` say who.
    """

    def __init__(self, folder: Path, lines: tuple[str, ...] = (), anonymous: bool = True) -> None:
        self.port = free_port()
        self.folder = folder
        self._log = folder / "mosquitto.log"
        configuration = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {'true' if anonymous else 'false'}",
            *(["user root"] if os.geteuid() == 0 else []),  # else it gives up root, and cannot read the folder
            *lines,
        ]
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text("\n".join(configuration) + "\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Mosquitto":
        command = [need(MOSQUITTO, "mosquitto"), "-v", "-c", str(self._configuration)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(self._listens, "mosquitto listens: " + str(self._log))
        return self

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def save(self) -> None:
        """Write sessions and retained messages to the disk (``persistence true``)."""
        assert self.process is not None
        saved = self.folder / "mosquitto.db"
        saved.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        wait_for(saved.exists, "saved")

    def suspend(self) -> None:
        """It hangs: connections stay, nothing is answered."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.send_signal(signal.SIGCONT)
            self.process.wait(5)
            self.process = None

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as a subscriber got it."""

    topic: str
    body: bytes
    retain: bool
    properties: Properties | None

    @property
    def level(self) -> str:
        """The topic after the device: status, health, report, event."""
        return self.topic.split("/")[3]


class Subscriber:
    """A client that hears everything and keeps it, through restarts of the broker.

    Args:
        port: Of the broker on loopback.
        version: ``"5"`` or ``"3.1.1"``.
        topic: What it hears.
    """

    def __init__(self, port: int, version: str = "5", topic: str = "edge-cad/#", client_id: str = "subscriber") -> None:
        self.heard: list[Heard] = []
        self._topic = topic
        self._subscribed = threading.Event()
        five = version == "5"
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if five else False,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._port = port
        self._five = five

    def __enter__(self) -> "Subscriber":
        if self._five:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 3600
            self._client.connect("127.0.0.1", self._port, 30, clean_start=False, properties=properties)
        else:
            self._client.connect("127.0.0.1", self._port, 30)
        self._client.loop_start()
        assert self._subscribed.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, body: str, retain: bool = False) -> None:
        self._client.publish(topic, body, 1, retain).wait_for_publish(5)

    def on(self, level: str) -> list[Heard]:
        """What was heard on the topics of a level."""
        return [heard for heard in list(self.heard) if heard.level == level]

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe(self._topic, 1)

    def _on_message(self, client: Client, userdata: object, message: Any) -> None:
        properties = getattr(message, "properties", None)
        self.heard.append(Heard(message.topic, bytes(message.payload), message.retain, properties))
