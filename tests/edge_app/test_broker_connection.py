import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from brokers import OPENSSL, Mosquitto, free_port, need, wait_for
from fakes.reports import make_health, make_report, make_status

from edge_app import broker_problems
from edge_app.broker_problems import BrokerProblem
from edge_app.config import MqttConfig
from edge_app.errors import BrokerError
from edge_app.publisher import Publisher, check_broker
from edge_app.store import Store


def settings(port: int, **keys: object) -> MqttConfig:
    return MqttConfig.model_validate({"port": port, **keys})


def problem_of(port: int, **keys: object) -> BrokerProblem:
    with pytest.raises(BrokerError) as raised:
        check_broker(settings(port, **keys))
    assert isinstance(raised.value, BrokerProblem)
    assert f"127.0.0.1:{port}" in str(raised.value) or "mqtt." in str(raised.value)
    return raised.value


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_broker_that_works_is_found_to_work(mosquitto: Mosquitto, version: str) -> None:
    check_broker(settings(mosquitto.port, version=version))


def test_a_port_where_nothing_listens_is_named() -> None:
    problem = problem_of(free_port())
    assert problem.state == "unreachable"
    assert "nothing listens at this port" in str(problem)


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(BrokerProblem, match=r"broker\.invalid:1883: the host name is unknown") as raised:
        check_broker(settings(1883, host="broker.invalid"))
    assert raised.value.state == "unreachable"


def test_a_name_that_no_host_can_have_is_named() -> None:
    with pytest.raises(BrokerProblem, match=r"mqtt\.host is not a host name"):
        check_broker(settings(1883, host="x" * 70 + ".example"))


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Something at a port that is not a broker."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


def test_a_server_that_says_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_app.broker_connection.ANSWER_TIMEOUT_S", 0.2)
    with server(lambda connection: connection.recv(1000) and connection.recv(1000)) as port:
        problem = problem_of(port)
    assert problem.state == "unreachable"
    assert "is it an MQTT broker?" in str(problem)


def test_a_server_that_is_not_a_broker_is_named() -> None:
    with server(lambda connection: connection.recv(1000) and connection.sendall(b"HTTP/1.1 400 no\r\n\r\n")) as port:
        problem = problem_of(port)
    assert problem.state == "refused"


@pytest.fixture
def guarded(make_mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> Mosquitto:
    """A broker that lets in only the user cart with the password open sesame."""
    passwords = tmp_path / "passwords"
    command = [need(shutil.which("mosquitto_passwd"), "mosquitto"), "-b", "-c", str(passwords), "cart", "open sesame"]
    subprocess.run(command, check=True, capture_output=True)
    return make_mosquitto(f"password_file {passwords}", anonymous=False).start()


def secret(folder: Path, text: str) -> Path:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_right_password_is_let_in_and_a_wrong_one_is_named(
    guarded: Mosquitto, tmp_path: Path, version: str
) -> None:
    right = secret(tmp_path, "open sesame\n")  # as an editor leaves it
    check_broker(settings(guarded.port, username="cart", password_file=right, version=version))
    wrong = secret(tmp_path, "open barley\n")
    problem = problem_of(guarded.port, username="cart", password_file=wrong, version=version)
    assert problem.state == "refused"
    assert "mqtt.password_file" in str(problem)
    assert "open barley" not in str(problem)
    assert "mqtt.username" in str(problem_of(guarded.port, version=version))


def test_a_password_file_that_went_away_is_named(guarded: Mosquitto, tmp_path: Path) -> None:
    path = secret(tmp_path, "open sesame")
    keys = settings(guarded.port, username="cart", password_file=path)
    path.unlink()
    with pytest.raises(BrokerProblem, match=r"mqtt.password_file .*secret: cannot be read"):
        check_broker(keys)


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority, another one, and what the first has signed."""

    ca: Path
    other_ca: Path
    broker: Path
    broker_key: Path
    expired: Path
    client: Path
    client_key: Path
    other_client: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ca", "other_ca"):
        _openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
            f"-subj /CN={name} -keyout {folder}/{name}.key -out {folder}/{name}.pem"
        )
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name, ca, days in (
        ("broker", "ca", 2),
        ("expired", "ca", 0),
        ("client", "ca", 2),
        ("other_client", "other_ca", 2),
    ):
        key = folder / ("broker.key" if name == "expired" else f"{name}.key")
        if not key.exists():
            _openssl(f"ecparam -name prime256v1 -genkey -noout -out {key}")
            key.chmod(0o600)
        _openssl(f"req -new -key {key} -subj /CN={name} -out {folder}/{name}.csr")
        _openssl(
            f"x509 -req -in {folder}/{name}.csr -CA {folder}/{ca}.pem -CAkey {folder}/{ca}.key -CAcreateserial "
            f"-days {days} -extfile {folder}/names -out {folder}/{name}.pem"
        )
    names = ("ca.pem", "other_ca.pem", "broker.pem", "broker.key", "expired.pem", "client.pem", "client.key")
    return Certificates(*(folder / name for name in names), folder / "other_client.pem")


def _openssl(arguments: str) -> None:
    subprocess.run([need(OPENSSL, "openssl"), *arguments.split()], check=True, capture_output=True)


@pytest.fixture
def make_tls_broker(make_mosquitto: Callable[..., Mosquitto], certificates: Certificates) -> Callable[..., Mosquitto]:
    def make(certificate: Path = certificates.broker, wants_certificate: bool = False) -> Mosquitto:
        lines = [f"certfile {certificate}", f"keyfile {certificates.broker_key}", f"cafile {certificates.ca}"]
        return make_mosquitto(*lines, f"require_certificate {str(wants_certificate).lower()}").start()

    return make


def test_reports_are_delivered_over_tls(
    make_tls_broker: Callable[..., Mosquitto], certificates: Certificates, tmp_path: Path
) -> None:
    broker = make_tls_broker()
    tls = {"ca_file": certificates.ca}
    check_broker(settings(broker.port, tls=tls))
    store = Store(tmp_path / "store.sqlite3")
    publisher = Publisher(settings(broker.port, tls=tls), store, make_status(), make_health)
    publisher.start()
    for number in range(50):
        store.put(make_report(number))
    wait_for(lambda: store.counts().unsent == 0, "sent")
    publisher.stop()
    store.close()


def test_an_authority_that_is_not_trusted_is_named(
    make_tls_broker: Callable[..., Mosquitto], certificates: Certificates
) -> None:
    port = make_tls_broker().port
    for tls in ({"ca_file": certificates.other_ca}, {}):
        problem = problem_of(port, tls=tls)
        assert problem.state == "untrusted"
        assert "mqtt.tls.ca_file" in str(problem)


def test_a_certificate_for_another_name_is_named(
    make_tls_broker: Callable[..., Mosquitto], certificates: Certificates
) -> None:
    with pytest.raises(BrokerProblem, match=r"another host name: set mqtt\.host") as raised:
        check_broker(settings(make_tls_broker().port, host="localhost", tls={"ca_file": certificates.ca}))
    assert raised.value.state == "untrusted"


def test_an_expired_certificate_is_named_and_the_clock_suspected(
    make_tls_broker: Callable[..., Mosquitto], certificates: Certificates
) -> None:
    problem = problem_of(make_tls_broker(certificates.expired).port, tls={"ca_file": certificates.ca})
    assert problem.state == "untrusted"
    assert "has expired" in str(problem)
    assert "clock" in str(problem)


def test_a_client_certificate_is_shown_to_the_broker_that_wants_one(
    make_tls_broker: Callable[..., Mosquitto], certificates: Certificates
) -> None:
    port = make_tls_broker(wants_certificate=True).port
    own = {"certificate_file": certificates.client, "key_file": certificates.client_key}
    check_broker(settings(port, tls={"ca_file": certificates.ca, **own}))
    without = problem_of(port, tls={"ca_file": certificates.ca})
    assert without.state == "untrusted"
    assert "set mqtt.tls.certificate_file" in str(without)
    foreign = {"certificate_file": certificates.other_client, "key_file": certificates.other_client.with_suffix(".key")}
    wrong = problem_of(port, tls={"ca_file": certificates.ca, **foreign})
    assert wrong.state == "untrusted"
    assert "trust this box's certificate" in str(wrong)


def test_a_key_that_does_not_belong_to_the_certificate_is_named(certificates: Certificates) -> None:
    own = {"certificate_file": certificates.client, "key_file": certificates.broker_key}
    assert "key_file" in str(problem_of(1, tls={"ca_file": certificates.ca, **own}))


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    path = secret(tmp_path, "nothing")
    assert "not certificates in PEM" in str(problem_of(1, tls={"ca_file": path}))


def test_tls_at_a_port_without_it_is_named(mosquitto: Mosquitto, certificates: Certificates) -> None:
    problem = problem_of(mosquitto.port, tls={"ca_file": certificates.ca})
    assert "TLS" in str(problem)
    assert "8883" in str(problem)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_no_tls_at_a_port_with_it_is_named(make_tls_broker: Callable[..., Mosquitto], version: str) -> None:
    problem = problem_of(make_tls_broker().port, version=version)
    assert "it may want TLS at this port" in str(problem)


def test_an_error_that_nobody_foresaw_is_still_told() -> None:
    told = broker_problems.connecting_failed(OSError(113, os.strerror(113)), "cart:1883", tls=False)
    assert str(told) == "broker cart:1883: cannot be reached (No route to host): see to the network"
    told = broker_problems.connecting_failed(ssl.SSLError(1, "[SSL] strange"), "cart:1883", tls=True)
    assert "TLS failed" in str(told)
    assert told.state == "untrusted"


def test_a_broker_that_says_why_it_ends_the_connection_is_quoted() -> None:
    told = broker_problems.connection_lost(0x8E, "Session taken over", True, "", "cart:1883")
    assert "two boxes have the same device.id" in str(told)
    assert told.closed_by_broker
    told = broker_problems.connection_lost(0x99, "Payload format invalid", True, "", "cart:1883")
    assert "Payload format invalid" in str(told)
