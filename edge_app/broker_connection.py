"""One connection to the broker, from CONNECT to its end: the only file that imports the MQTT client.

The client's own threads, queue and reconnecting are not used: a connection that ended is thrown away with all it held,
and what was not acknowledged is in the outbox.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_app import broker_problems
from edge_app.broker_problems import BrokerProblem
from edge_app.config import BrokerConfig, TlsConfig

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 10.0
LONGEST_WAIT_S: Final = 1.0
"""The client has to look at its keepalive this often."""
LARGEST_INCOMING_BYTES: Final = 65_536
"""Commands and receipts are small; the broker drops larger ones (MQTT 5)."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish, with QoS 1, as JSON."""

    topic: str
    body: str
    retain: bool = False
    user_properties: tuple[tuple[str, str], ...] = ()
    """MQTT 5 only, like the expiry."""
    expiry_s: int | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The broker's answer to one message."""

    message_id: int
    code: int
    """MQTT 5 reason code; from 0x80 on it was not taken."""
    name: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came in."""

    topic: str
    body: bytes
    retained: bool


class BrokerConnection:
    """A connection, used by one thread.

    Args:
        settings: Where to and how.
        client_id: The broker ends an older connection with the same one.
        will: The broker publishes it when this connection ends without DISCONNECT.

    Raises:
        BrokerProblem: By ``open``, ``step`` and ``publish``: the broker cannot be used, or no longer.
    """

    def __init__(self, settings: BrokerConfig, client_id: str, will: Message | None = None) -> None:
        self._settings = settings
        self.address = f"{settings.host}:{settings.port}"
        self._version5 = settings.version == "5"
        self._problem: BrokerProblem | None = None
        self._connected = False
        self._last_error = ""
        self._acknowledgements: list[Acknowledgement] = []
        self._received: list[Received] = []
        self.receive_maximum = 65_535
        """Unacknowledged messages that the broker takes."""
        self.maximum_packet_bytes: int | None = None
        """The largest message that the broker takes, if it says so."""
        self._refused_subscriptions: list[str] = []
        self._subscriptions: dict[int, str] = {}
        self._client = self._make_client(client_id, will)

    def open(self, wake: socket.socket, cancelled: Callable[[], bool]) -> None:
        """Connect, and wait until the broker has accepted.

        Args:
            wake: Ends a wait when it becomes readable.
            cancelled: Asked then; True gives up.
        """
        self._connect()
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while not self._connected:
            if cancelled():
                raise BrokerProblem("lost", "stopped while connecting")
            if time.monotonic() > deadline:
                text = f"broker {self.address}: takes the connection but says nothing: is it an MQTT broker?"
                raise BrokerProblem("unreachable", text)
            self.step(deadline - time.monotonic(), wake)

    def publish(self, message: Message) -> int:
        """Send a message; returns the id that its acknowledgement will have."""
        self._raise_problem()
        properties = self._properties(PacketTypes.PUBLISH, message) if self._version5 else None
        info = self._client.publish(message.topic, message.body, 1, message.retain, properties)
        return info.mid

    def subscribe(self, topic: str) -> None:
        """Ask for a topic's messages, without the one that may be retained there where the broker can leave it out."""
        if self._version5:
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
            _, message_id = self._client.subscribe(topic, options=options)
        else:
            _, message_id = self._client.subscribe(topic, qos=1)
        if message_id is not None:
            self._subscriptions[message_id] = topic

    def step(self, timeout_s: float, wake: socket.socket) -> None:
        """Send and receive what is due; waits for something to do.

        Args:
            timeout_s: Longest wait.
            wake: Ends the wait when it becomes readable; is emptied.
        """
        self._raise_problem()
        connection = self._client.socket()
        if connection is None:
            raise self._lost(0x80, "Unspecified error", from_broker=False)
        buffered = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
        poll = select.poll()
        poll.register(connection, select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
        poll.register(wake, select.POLLIN)
        wait_s = 0 if buffered else max(0.0, min(timeout_s, LONGEST_WAIT_S))
        ready = dict(poll.poll(wait_s * 1000))
        if wake.fileno() in ready:
            wake.recv(4096)
        events = ready.get(connection.fileno(), 0)
        if buffered or events & ~select.POLLOUT:
            self._client.loop_read()
        if events & select.POLLOUT:
            self._client.loop_write()
        self._client.loop_misc()
        self._raise_problem()

    def take_acknowledgements(self) -> list[Acknowledgement]:
        """The answers that came since the last call."""
        taken, self._acknowledgements = self._acknowledgements, []
        return taken

    def take_received(self) -> list[Received]:
        """The messages that came since the last call."""
        taken, self._received = self._received, []
        return taken

    def take_refused_subscriptions(self) -> list[str]:
        """The topics that the broker would not let us subscribe to, since the last call."""
        taken, self._refused_subscriptions = self._refused_subscriptions, []
        return taken

    def close(self) -> None:
        """End the connection; if it works, with DISCONNECT, so that the will is not published."""
        if self._connected and self._problem is None:
            self._client.disconnect()
        self._client.on_disconnect = self._client.on_log = None
        connection = self._client.socket()
        if connection is not None:
            connection.close()

    def _make_client(self, client_id: str, will: Message | None) -> Client:
        protocol = MQTTProtocolVersion.MQTTv5 if self._version5 else MQTTProtocolVersion.MQTTv311
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if self._version5 else True,
            protocol=protocol,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)
        if will is not None:
            properties = self._properties(PacketTypes.WILLMESSAGE, will) if self._version5 else None
            client.will_set(will.topic, will.body, 1, will.retain, properties)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_log = self._on_log
        return client

    def _connect(self) -> None:
        settings = self._settings
        if settings.username is not None:
            self._client.username_pw_set(settings.username, self._password())
        if settings.tls is not None:
            self._client.tls_set_context(tls_context(settings.tls))
        try:
            if self._version5:
                # Nothing is kept for us while we are away: an old command must not be carried out later, and what is
                # on its way is in the outbox.
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                properties.SessionExpiryInterval = 0
                properties.MaximumPacketSize = LARGEST_INCOMING_BYTES
                self._client.connect(
                    settings.host, settings.port, settings.keepalive_s, clean_start=True, properties=properties
                )
            else:
                self._client.connect(settings.host, settings.port, settings.keepalive_s)
        except (OSError, ssl.CertificateError) as error:
            raise broker_problems.connecting_failed(error, self.address, settings.tls is not None) from error
        except UnicodeError as error:
            raise BrokerProblem("unreachable", f"broker {self.address}: mqtt.host is not a host name") from error

    def _password(self) -> str | None:
        path = self._settings.password_file
        try:
            return None if path is None else path.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BrokerProblem("refused", f"mqtt.password_file {path}: cannot be read: {error}") from error

    def _properties(self, packet: int, message: Message) -> Properties:
        properties = Properties(packet)  # type: ignore[no-untyped-call]
        properties.PayloadFormatIndicator = 1  # UTF-8 text
        properties.ContentType = "application/json"
        if message.user_properties:
            properties.UserProperty = list(message.user_properties)
        if message.expiry_s is not None:
            properties.MessageExpiryInterval = message.expiry_s
        return properties

    def _raise_problem(self) -> None:
        if self._problem is not None:
            raise self._problem

    def _lost(self, code: int, name: str, from_broker: bool) -> BrokerProblem:
        if not self._connected:
            tls = self._settings.tls
            own_certificate = tls is not None and tls.certificate_file is not None
            return broker_problems.no_answer_to_connect(
                self.address, tls is not None, own_certificate, self._settings.version, self._last_error
            )
        return broker_problems.connection_lost(code, name, from_broker, self._last_error, self.address)

    def _on_connect(
        self, client: Client, userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._problem = broker_problems.connection_refused(reason.value, reason.getName(), self.address)
            return
        self.receive_maximum = getattr(properties, "ReceiveMaximum", self.receive_maximum)
        self.maximum_packet_bytes = getattr(properties, "MaximumPacketSize", None)
        self._connected = True

    def _on_disconnect(
        self, client: Client, userdata: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self._problem is None:  # the client may call twice; the first reason is the true one
            self._problem = self._lost(reason.value, reason.getName(), flags.is_disconnect_packet_from_server)

    def _on_publish(
        self, client: Client, userdata: Any, message_id: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._acknowledgements.append(Acknowledgement(message_id, reason.value, reason.getName()))

    def _on_subscribe(
        self, client: Client, userdata: Any, message_id: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        topic = self._subscriptions.pop(message_id, "")
        if any(reason.is_failure for reason in reasons):
            self._refused_subscriptions.append(topic)

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        self._received.append(Received(message.topic, bytes(message.payload), message.retain))

    def _on_log(self, client: Client, userdata: Any, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._last_error = text


def tls_context(settings: TlsConfig) -> ssl.SSLContext:
    """What the section ``[mqtt.tls]`` says.

    Raises:
        BrokerProblem: A file in it cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca_file and str(settings.ca_file))
    except (ssl.SSLError, OSError) as error:
        raise BrokerProblem(
            "untrusted", f"mqtt.tls.ca_file {settings.ca_file}: not certificates in PEM: {error}"
        ) from error
    if settings.certificate_file is not None:
        try:
            # The empty pass phrase keeps OpenSSL from asking for one on the terminal.
            context.load_cert_chain(settings.certificate_file, settings.key_file, password="")
        except (ssl.SSLError, OSError) as error:
            files = f"mqtt.tls.certificate_file {settings.certificate_file} and key_file {settings.key_file}"
            text = f"{files}: not a certificate and its key in PEM without a pass phrase: {error}"
            raise BrokerProblem("untrusted", text) from error
    return context
