"""Say why the broker cannot be used, and the way out."""

import socket
import ssl
from typing import Final, Literal, TypeAlias

from edge_app.errors import BrokerError

ProblemState: TypeAlias = Literal["unreachable", "refused", "untrusted", "lost"]
"""``unreachable``: nothing answers there; ``refused``: the broker does not want us; ``untrusted``: TLS failed;
``lost``: it worked, and then the connection ended."""


class BrokerProblem(BrokerError):
    """The broker cannot be used just now; the text says why and the way out."""

    def __init__(self, state: ProblemState, text: str, closed_by_broker: bool = False) -> None:
        super().__init__(text)
        self.state: ProblemState = state
        self.closed_by_broker = closed_by_broker
        """The broker ended a working connection, as it does when a message is not to its liking."""


REFUSALS: Final[dict[int, str]] = {
    0x84: 'does not speak this MQTT version: set mqtt.version = "3.1.1" (or "5")',
    0x85: "does not accept the client id: change device.id, or allow it at the broker",
    0x86: "says bad user name or password: check mqtt.username and the file of mqtt.password_file",
    0x87: "says not authorized: set mqtt.username and mqtt.password_file, or allow this device at the broker",
    0x88: "is not available now: it is tried again",
    0x89: "is busy: it is tried again",
    0x8A: "has banned this device: lift that at the broker",
    0x8B: "shuts down: it is tried again",
    0x8D: "heard nothing for too long: is this machine overloaded, or the network down?",
    0x8E: "gave the place to another client of the same id: two boxes have the same device.id",
    0x93: "got more messages at once than it takes: set mqtt.in_flight lower",
    0x95: "got a larger message than it takes: raise its limit (mosquitto: message_size_limit)",
    0x97: "says quota exceeded: it is tried again",
    0x9F: "says too many connections in short time: it is tried again",
}
"""MQTT 5 reason codes of CONNACK and DISCONNECT (OASIS MQTT 5.0, table 2-6); 3.1.1's are translated to them."""

REPORT_REFUSALS: Final[dict[int, str]] = {
    0x87: "this device may not publish there: allow the topic at the broker",
    0x90: "it does not accept the topic",
    0x95: "the report is larger than it takes: raise its limit (mosquitto: message_size_limit)",
    0x99: "it does not accept the payload's format",
}
"""MQTT 5 reason codes of PUBACK that trying again does not help against."""

VERIFY_PROBLEMS: Final[dict[int, str]] = {
    9: "its certificate is not valid yet: is this machine's clock right?",
    10: "its certificate has expired: renew it (or is this machine's clock wrong?)",
    18: "its certificate is self-signed and not trusted: set mqtt.tls.ca_file to it",
    19: "its authority is not trusted: set mqtt.tls.ca_file to the authority's certificate",
    20: "its authority is not trusted: set mqtt.tls.ca_file to the authority's certificate",
    62: "its certificate is for another host name: set mqtt.host to the name in it",
    64: "its certificate is for another address: set mqtt.host to the name in it",
}
"""OpenSSL's verification results (x509_vfy.h)."""

NO_TLS: Final = "ends the TLS handshake: does this port speak TLS (mostly 8883)?"

ALERTS: Final[dict[str, str]] = {
    "CERTIFICATE_REQUIRED": "wants a certificate: set mqtt.tls.certificate_file and mqtt.tls.key_file",
    "HANDSHAKE_FAILURE": "wants a certificate, or other ciphers: set mqtt.tls.certificate_file and mqtt.tls.key_file",
    "UNKNOWN_CA": "does not trust this box's certificate: have it signed by the authority that the broker knows",
    "BAD_CERTIFICATE": "does not accept this box's certificate: check mqtt.tls.certificate_file",
    "CERTIFICATE_EXPIRED": "says this box's certificate has expired: renew it",
    "WRONG_VERSION_NUMBER": "does not speak TLS at this port: use the TLS port (mostly 8883), or remove [mqtt.tls]",
    "UNEXPECTED_EOF": NO_TLS,
}
"""Names in OpenSSL's messages; the first that occurs counts."""


def connecting_failed(error: OSError, address: str, tls: bool) -> BrokerProblem:
    """What an error while connecting or shaking hands means.

    Args:
        error: As raised by ``socket`` or ``ssl``.
        address: host:port, for the text.
        tls: The connection was to be encrypted.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        way_out = VERIFY_PROBLEMS.get(error.verify_code, f"its certificate is not accepted ({error.verify_message})")
        return BrokerProblem("untrusted", f"broker {address}: {way_out}")
    if isinstance(error, ssl.SSLError | ssl.SSLEOFError):
        return BrokerProblem("untrusted", tls_problem(str(error), address) or f"broker {address}: TLS failed: {error}")
    if isinstance(error, socket.gaierror):
        text = f"broker {address}: the host name is unknown: correct mqtt.host, or see to the name server"
    elif isinstance(error, ConnectionRefusedError):
        text = f"broker {address}: nothing listens at this port: start the broker, or correct mqtt.host and mqtt.port"
    elif isinstance(error, ConnectionResetError | BrokenPipeError):
        text = f"broker {address} {NO_TLS if tls else 'closes the connection at once: is it an MQTT broker?'}"
    elif isinstance(error, TimeoutError):
        text = f"broker {address}: does not answer: correct mqtt.host and mqtt.port, or see to network and firewall"
    else:
        text = f"broker {address}: cannot be reached ({error.strerror or error}): see to the network"
    return BrokerProblem("unreachable", text)


def connection_refused(code: int, name: str, address: str) -> BrokerProblem:
    """What a CONNACK that says no means."""
    return BrokerProblem("refused", f"broker {address} {REFUSALS.get(code, f'refuses the connection: {name}')}")


def no_answer_to_connect(
    address: str, tls: bool, own_certificate: bool, version: str, last_error: str
) -> BrokerProblem:
    """What it means that the broker took the connection, but ended it without a CONNACK.

    Args:
        address: host:port, for the text.
        tls: The connection was encrypted.
        own_certificate: This box showed one.
        version: Of MQTT, as it was tried.
        last_error: The last error of the socket, if there was one.
    """
    if problem := tls_problem(last_error, address):
        return BrokerProblem("untrusted", problem)
    if not tls:
        guess = "it may want TLS at this port (see [mqtt.tls])"
    elif own_certificate:
        guess = "it may not trust this box's certificate (mqtt.tls.certificate_file)"
    else:
        guess = "it may want a certificate (set mqtt.tls.certificate_file and mqtt.tls.key_file)"
    other = "3.1.1" if version == "5" else "5"
    # With TLS 1.3 the broker judges our certificate after the handshake, and its reason does not always get through.
    state: ProblemState = "untrusted" if tls else "refused"
    return BrokerProblem(state, f'broker {address} ends the connection unasked: {guess}, or mqtt.version = "{other}"')


def connection_lost(code: int, name: str, from_broker: bool, last_error: str, address: str) -> BrokerProblem:
    """What the end of a working connection means.

    Args:
        code: MQTT 5 reason code.
        name: Its name.
        from_broker: The broker sent DISCONNECT with that code.
        last_error: The last error of the socket, if there was one.
        address: host:port, for the text.
    """
    if from_broker:
        text = REFUSALS.get(code, f"ended the connection: {name}")
        return BrokerProblem("lost", f"broker {address} {text}", closed_by_broker=True)
    if name == "Keep alive timeout":
        return BrokerProblem("lost", f"broker {address} no longer answers: see to the broker and the network")
    if problem := tls_problem(last_error, address):
        return BrokerProblem("untrusted", problem)
    text = (
        f"broker {address} closed the connection: it stopped, or (if this repeats) another box has the same device.id"
    )
    return BrokerProblem("lost", text, closed_by_broker=True)


def tls_problem(message: str, address: str) -> str | None:
    """The way out for a message of OpenSSL; None if it is not one that we know."""
    known = next((text for word, text in ALERTS.items() if word in message.upper().replace(" ", "_")), None)
    return None if known is None else f"broker {address} {known}"
