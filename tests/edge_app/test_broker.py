import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from brokers import Subscriber, free_port, need, wait_for
from fakes.reports import make_health, make_report, make_status

from edge_app.broker import EmbeddedBroker
from edge_app.config import MqttConfig
from edge_app.errors import BrokerError
from edge_app.messages import Report, Status
from edge_app.publisher import Publisher, check_broker
from edge_app.store import Store


@pytest.fixture(autouse=True)
def _iotcore() -> None:
    need(importlib.util.find_spec("iotcore"), "iotcore", "pip install edge-cad[demo]")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_it_delivers_reports_in_order_and_unchanged(tmp_path: Path, version: str) -> None:
    reports = [make_report(number) for number in range(200)]
    large = make_report(200).model_copy(update={"source": "x" * 300_000})  # as with a heatmap
    store = Store(tmp_path / "store.sqlite3")
    with (
        EmbeddedBroker(version=version) as broker,  # type: ignore[arg-type]
        Subscriber(broker.port, version) as subscriber,
    ):
        settings = MqttConfig.model_validate({"port": broker.port, "version": version})
        publisher = Publisher(settings, store, make_status(), make_health)
        publisher.start()
        for report in (*reports, large):
            store.put(report)
        wait_for(lambda: store.counts().unsent == 0, "sent")
        wait_for(lambda: len(subscriber.on("report")) == 201, "heard")
        with Subscriber(broker.port, version, client_id="late") as late:
            wait_for(lambda: late.on("status") and late.on("health"), "retained")
            assert Status.from_json(late.on("status")[0].body).state == "online"
        publisher.stop()
        wait_for(lambda: len(subscriber.on("status")) == 2, "the end is said")
    store.close()
    assert [Report.from_json(heard.body) for heard in subscriber.on("report")] == [*reports, large]
    assert Status.from_json(subscriber.on("status")[-1].body).state == "offline"


def test_it_ends_with_its_context_and_frees_the_port() -> None:
    port = free_port()
    for _ in range(2):
        with EmbeddedBroker(port) as broker:
            assert broker.running
            check_broker(MqttConfig(port=port))
        assert not broker.running
        assert not listens(port)


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=rf"port {port} is in use.*set mqtt\.port to another"):
            EmbeddedBroker(port).start()


def test_it_listens_on_the_loopback_only() -> None:
    with EmbeddedBroker() as broker:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        ports = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    assert f"0100007F:{broker.port:04X}" in ports
    assert f"00000000:{broker.port:04X}" not in ports


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "iotcore", None)
    with pytest.raises(BrokerError, match=r"pip install edge-cad\[demo\]"):
        EmbeddedBroker().start()


def test_a_broker_that_ends_at_once_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_app.broker.CHILD", "raise SystemExit('no licence to run')")
    with pytest.raises(BrokerError, match=r"ended with code 1: no licence to run"):
        EmbeddedBroker().start()


def test_it_does_not_outlive_a_service_that_is_killed() -> None:
    child = (
        "import time; from edge_app.broker import EmbeddedBroker; broker = EmbeddedBroker(); broker.start()\n"
        "print(broker.port, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        port = int(service.stdout.readline())
        assert listens(port)
        service.kill()
    wait_for(lambda: not listens(port), "the broker ends too")
