"""A mosquitto that can be restarted, killed, hung and told to refuse."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

MOSQUITTO: Final = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
START_TIMEOUT_S: Final = 20.0

CONFIGURATION: Final = """
listener {port} 127.0.0.1
allow_anonymous {anonymous}
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 0
max_inflight_messages 0
"""
"""Saves at every change; keeps whatever a subscriber misses, and drops nothing of it."""


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PersistentMosquitto:
    """A broker on loopback whose sessions outlive it.

    Args:
        folder: For configuration, log and persistence.
    """

    def __init__(self, folder: Path) -> None:
        if MOSQUITTO is None:
            raise FileNotFoundError("mosquitto is not installed: apt-get install mosquitto")
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, anonymous: bool = True) -> None:
        """Start it and wait until it listens.

        Args:
            anonymous: False refuses every client, with "not authorized".
        """
        assert MOSQUITTO is not None
        text = CONFIGURATION.format(port=self.port, folder=self._folder, anonymous=str(anonymous).lower())
        if os.geteuid() == 0:
            text += "user root\n"  # else it gives up root, and cannot read the folder
        configuration = self._folder / "mosquitto.conf"
        configuration.write_text(text)
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", str(configuration)], stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto does not start: see {log.name}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it as its administrator would; it saves."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def suspend(self) -> None:
        """Let it hang: connections stay, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
            process.wait(START_TIMEOUT_S)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
