"""A broker inside edge-cad, for a demo or a box without one; mosquitto is the one for production."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from edge_app.errors import BrokerError

START_TIMEOUT_S: Final = 10.0
STOP_TIMEOUT_S: Final = 5.0
LARGEST_MESSAGE_BYTES: Final = 16 * 2**20
"""A report with a heatmap is larger than the 20 KB that rumqttd takes by itself."""

CONFIGURATION: Final = """
id = 0

[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 4194304
max_segment_count = 8

[{section}.1]
name = "edge-cad"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[{section}.1.connections]
connection_timeout_ms = 10000
max_payload_size = {largest}
max_inflight_count = 500
"""

CHILD: Final = "from iotcore._serve import main; main()"
"""The package's own entry for a broker in a child process; it ends when its standard input closes, so a parent that
was killed leaves no broker behind."""


class EmbeddedBroker:
    """rumqttd (package ``iotcore``) in a child process, on this machine's loopback only; use it as a context manager.

    It speaks one version of MQTT at a time: rumqttd 0.20 ends a 3.1.1 client that it would have to give a message with
    MQTT 5 properties, so clients of both versions on one broker would lose reports. It keeps nothing when it ends.

    Args:
        port: To listen at; 0 takes a free one.
        version: Of MQTT.

    Raises:
        BrokerError: By ``start``: the port is in use, the package is missing, or the broker does not start.
    """

    def __init__(self, port: int = 0, version: Literal["5", "3.1.1"] = "5") -> None:
        self.port = port
        self._version = version
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """The child process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it accepts an MQTT client (about 0.1 s)."""
        if importlib.util.find_spec("iotcore") is None:
            raise BrokerError("the embedded broker is not installed: pip install edge-cad[demo], or use another broker")
        self.port = _claim(self.port)
        self._folder = tempfile.TemporaryDirectory(prefix="edge-cad-broker-")
        configuration = Path(self._folder.name) / "rumqttd.toml"
        section = "v5" if self._version == "5" else "v4"
        text = CONFIGURATION.format(section=section, port=self.port, largest=LARGEST_MESSAGE_BYTES)
        configuration.write_text(text, encoding="utf-8")
        log = Path(self._folder.name) / "log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", CHILD, json.dumps({"config_path": str(configuration)})],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self._folder.name,  # nothing of the user's there could take the place of a package
                env={name: value for name, value in os.environ.items() if name != "IOTCORE_LOG_LEVEL"},
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _accepts(self.port, self._version):
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                said = log.read_text("utf-8", errors="replace").strip()[-500:]
                self.stop()
                ended = (
                    f"ended with code {code}" if code is not None else f"does not answer after {START_TIMEOUT_S:g} s"
                )
                raise BrokerError(f"the embedded broker at port {self.port} {ended}: {said or 'it said nothing'}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it and free the port; calling it again does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _claim(port: int) -> int:
    """The port, or a free one for 0, if nobody listens there."""
    with socket.socket() as probe:
        # As the broker itself does: connections of an earlier broker that linger do not count as use.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise BrokerError(
                f"port {port} is for root alone: set mqtt.port to one above 1023, such as 1883"
            ) from error
        except OSError as error:
            raise BrokerError(
                f"port {port} is in use, perhaps by another broker: use that one (mqtt.embedded_broker = false), "
                "stop it, or set mqtt.port to another"
            ) from error
        return int(probe.getsockname()[1])


def _accepts(port: int, version: str) -> bool:
    """A CONNECT is answered by a CONNACK that says yes."""
    level, properties = (5, b"\x00") if version == "5" else (4, b"")
    client_id = b"edge-cad-start"
    body = b"\x00\x04MQTT" + bytes((level, 2, 0, 10)) + properties + len(client_id).to_bytes(2) + client_id
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"\x10" + bytes((len(body),)) + body)
            answer = connection.recv(4)
            connection.sendall(b"\xe0\x00")  # DISCONNECT
    except OSError:
        return False
    return len(answer) == 4 and answer[0] == 0x20 and answer[3] == 0
