"""Kill the service again and again while broker, link and subscriber have troubles of their own."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tools.faulting.mosquitto import PersistentMosquitto
from tools.faulting.pictures import write_pictures
from tools.faulting.proxy import FaultProxy
from tools.faulting.verdict import Verdict, judge, read_promised, read_received, read_stored
from tools.faulting.weather import FAULTS, Fault, Weather

ROOT: Final = Path(__file__).resolve().parents[2]
READY_TIMEOUT_S: Final = 90.0
"""From the start of the service to its first report, on a machine that has other work too."""
DRAIN_TIMEOUT_S: Final = 300.0
LONGEST_LIFE_S: Final = 0.8
"""A run is killed at most so long after its first report."""
KILLED_WHILE_STARTING: Final = 0.1
"""Share of the runs that are killed before they made a report."""
LONGEST_START_S: Final = 0.6
SUBSCRIBER_RESTARTS: Final = 0.3
"""Probability that the subscriber is killed too, at each kill of the service."""

CONFIGURATION: Final = """
[device]
id = "chaos"
[source]
kind = "image_folder"
path = "pictures"
[router]
reject_threshold = 1.0  # drawn pictures resemble nothing; the modules are to run all the same
accept_threshold = 0.1
[mqtt]
port = {port}
keepalive_s = 5
delivery = "{delivery}"
receipt_timeout_s = 2
[store]
path = "store.sqlite3"
[log]
level = "warning"
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of trouble."""

    summary: str
    service: Literal["outbox", "analysing"]
    """``outbox``: Store and Publisher under a fast stream of reports; ``analysing``: the whole of ``edge-cad run``."""
    faults: tuple[Fault, ...] = ()
    delivery: Literal["broker", "receipt"] = "broker"
    """A mosquitto that is killed loses what it acknowledged and has not written; only receipts survive that."""
    share: float = 1.0
    """Of the kills, beside the other scenarios."""


SCENARIOS: Final = {
    "outbox": Scenario("the broker is well", "outbox"),
    "restart": Scenario("mosquitto is stopped and started", "outbox", ("restart",)),
    "kill": Scenario("mosquitto is killed and started", "outbox", ("kill",), "receipt"),
    "hang": Scenario("mosquitto hangs (SIGSTOP)", "outbox", ("hang",)),
    "refuse": Scenario("connections or logins are refused", "outbox", ("refuse connections", "refuse login")),
    "lossy": Scenario("the link stalls, cuts and tears messages", "outbox", ("stall", "lossy", "cut")),
    "analysing": Scenario("the whole service; the broker is well", "analysing", share=3),
    "storm": Scenario("the whole service; everything above at once", "analysing", FAULTS, "receipt", share=3),
}


def shares(names: list[str], kills: int) -> dict[str, int]:
    """How often the service is killed in each scenario: in all ``kills`` times, and at least once in each."""
    total = sum(SCENARIOS[name].share for name in names)
    counts = {name: max(1, int(kills * SCENARIOS[name].share / total)) for name in names}
    counts[names[-1]] += max(0, kills - sum(counts.values()))
    return counts


def run_scenario(name: str, kills: int, seed: int, folder: Path, tell: Callable[[str], None]) -> Verdict:
    """Run one scenario to its end and compare.

    Args:
        name: One of ``SCENARIOS``.
        kills: How often the service is killed.
        seed: Of all that is left to chance; the machine's own timing is not.
        folder: For everything that the processes write.
        tell: Called with a line of progress now and then.

    Raises:
        RuntimeError: A process ended by itself, or said nothing for too long.
    """
    scenario = SCENARIOS[name]
    chance = random.Random(f"{seed} {name}")
    broker = PersistentMosquitto(folder)
    broker.start()
    try:
        with FaultProxy(broker.port, chance.randrange(2**32)) as proxy:
            service = _Service(folder, scenario, proxy.port)
            subscriber = _Subscriber(folder, broker.port)
            subscriber.start()
            try:
                with Weather(broker, proxy, scenario.faults, chance.randrange(2**32)) as weather:
                    while service.kills < kills:
                        service.live_and_die(chance)
                        if chance.random() < SUBSCRIBER_RESTARTS:
                            subscriber.kill()
                            subscriber.start()
                        if service.kills % 10 == 0:
                            tell(f"{name}: {service.kills} of {kills} kills, {weather.count} faults")
                with service.draining():
                    _wait(lambda: _arrived(folder), DRAIN_TIMEOUT_S)
            finally:
                subscriber.kill()
    finally:
        broker.kill()
    return judge(
        read_promised(folder / "acknowledged"),
        read_stored(folder / "store.sqlite3")[0],
        read_received(folder / "received.sqlite3"),
        kills=service.kills,
        repeats=subscriber.log().count("was here already"),
        broker_faults=weather.count,
        subscriber_restarts=subscriber.starts - 1,
    )


class _Service:
    """The service, one run after the other."""

    def __init__(self, folder: Path, scenario: Scenario, port: int) -> None:
        self._folder, self._what = folder, scenario.service
        self._configuration = folder / "edge-cad.toml"
        self._configuration.write_text(CONFIGURATION.format(port=port, delivery=scenario.delivery))
        self._acknowledged = folder / "acknowledged"
        self._log = folder / "service.log"
        self._runs = 0
        self.kills = 0
        if scenario.service == "analysing":
            write_pictures(folder / "pictures")

    def live_and_die(self, chance: random.Random) -> None:
        """One run, to its kill at a random moment or, if it is done with its pictures before, to its end."""
        before = self._size()
        with self._process(self._what) as process:
            if chance.random() < KILLED_WHILE_STARTING:
                time.sleep(chance.uniform(0, LONGEST_START_S))
            else:
                _wait(lambda: self._size() > before or process.poll() is not None, READY_TIMEOUT_S)
                time.sleep(chance.uniform(0, LONGEST_LIFE_S))
            if process.poll() is None:
                process.kill()
                self.kills += 1
            elif process.returncode != 0:
                raise RuntimeError(f"the service ended by itself, code {process.returncode}: see {self._log}")

    @contextmanager
    def draining(self) -> Iterator[None]:
        """A run that makes no new reports, and ends well."""
        with self._process("drain") as process:
            yield
            process.terminate()

    @contextmanager
    def _process(self, what: str) -> Iterator[subprocess.Popen[bytes]]:
        self._runs += 1
        run = f"run-{self._runs}"
        environment = dict(os.environ)
        if what == "analysing":  # each run has pictures of its own by name, so that a doubled result is seen
            (self._folder / run).symlink_to("pictures")
            environment["EDGE_CAD__SOURCE__PATH"] = run
        command = [sys.executable, str(ROOT / "tools/faulting/service.py"), what]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [*command, str(self._configuration), str(self._acknowledged), run], stderr=log, env=environment
            )
        try:
            yield process
            process.wait(30)
        finally:
            process.kill()
            process.wait()

    def _size(self) -> int:
        return self._acknowledged.stat().st_size if self._acknowledged.exists() else 0


class _Subscriber:
    """``tools/report_client.py`` in a process of its own, beside the broker."""

    def __init__(self, folder: Path, port: int) -> None:
        self._log = folder / "subscriber.log"
        self._command = [sys.executable, str(ROOT / "tools/report_client.py"), "--port", str(port)]
        self._command += ["--database", str(folder / "received.sqlite3"), "--longest-pause", "1"]
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start it; the first time, wait until the broker knows its session."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stderr=log)
        self.starts += 1
        if self.starts == 1:
            _wait(lambda: "subscribed" in self.log(), READY_TIMEOUT_S)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        code = self._process.poll()
        self._process.kill()
        self._process.wait()
        if code is not None:
            raise RuntimeError(f"the subscriber ended by itself, code {code}: see {self._log}")

    def log(self) -> str:
        """What it said so far."""
        return self._log.read_text("utf-8", errors="replace")


def _arrived(folder: Path) -> bool:
    stored, waiting = read_stored(folder / "store.sqlite3")
    return waiting == 0 and len(read_received(folder / "received.sqlite3")) >= len(stored)


def _wait(condition: Callable[[], bool], timeout_s: float) -> None:
    """Until the condition holds or the time is over; what is then missing is seen by the judge."""
    deadline = time.monotonic() + timeout_s
    pause_s = 0.01
    while not condition() and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(0.5, pause_s * 1.1)
