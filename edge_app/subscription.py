"""``edge-cad subscribe``: keep every report that boxes publish, once, and say so to them."""

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import ValidationError

from edge_app import broker_problems
from edge_app.broker_connection import tls_context
from edge_app.config import MqttConfig
from edge_app.messages import ROOT_TOPIC, Receipt, Report, device_topic
from edge_app.report_sink import ReportSink

SESSION_EXPIRY_S: Final = 30 * 24 * 3600
"""The broker keeps for so long what is published while nobody subscribes (MQTT 5)."""
SHORTEST_PAUSE_S: Final = 1
LONGEST_PAUSE_S: Final = 30

logger = logging.getLogger(__name__)


class Subscription:
    """Subscribes to reports with a session that the broker keeps. A report is acknowledged after it was kept.

    Args:
        settings: The broker.
        sink: Where reports are kept.
        device: Whose reports; ``+`` for all.
        client_id: Names the session; no two subscribers may share it.
        application: Signs the receipts; None: none are sent.
        on_report: Called with each report that was not here before.
    """

    def __init__(
        self,
        settings: MqttConfig,
        sink: ReportSink,
        device: str,
        client_id: str,
        application: str | None,
        on_report: Callable[[Report], None] = lambda report: None,
    ) -> None:
        self._settings, self._sink, self._application, self._on_report = settings, sink, application, on_report
        self._topic = f"{ROOT_TOPIC}/{device}/report/+" if device == "+" else device_topic(device, "report") + "/+"
        self._address = f"{settings.host}:{settings.port}"
        five = settings.version == "5"
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if five else False,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        )
        self._client.reconnect_delay_set(SHORTEST_PAUSE_S, LONGEST_PAUSE_S)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = lambda *_: logger.warning(
            "broker %s: cannot be reached; trying on", self._address
        )
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def run(self) -> None:
        """Receive until ``stop`` is called; connects again by itself.

        Raises:
            BrokerError: A file that the configuration names cannot be used.
            StoreError: A report could not be kept; it is not acknowledged, and comes again.
        """
        settings = self._settings
        if settings.username is not None:
            secret = settings.password_file
            password = None if secret is None else secret.read_text("utf-8").rstrip("\r\n")
            self._client.username_pw_set(settings.username, password)
        if settings.tls is not None:
            self._client.tls_set_context(tls_context(settings.tls))
        arguments: dict[str, Any] = {}
        if settings.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            arguments = {"clean_start": False, "properties": properties}
        self._client.connect_async(settings.host, settings.port, settings.keepalive_s, **arguments)
        self._client.loop_forever(retry_first_connection=True)

    def stop(self) -> None:
        """End ``run``; the broker keeps what comes from now on. From any thread or a signal handler."""
        self._client.disconnect()

    def _on_connect(
        self, client: Client, userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            logger.error("%s", broker_problems.connection_refused(reason.value, reason.getName(), self._address))
            return
        logger.info("broker %s: connected, %s session", self._address, "old" if flags.session_present else "new")
        client.subscribe(self._topic, qos=1)

    def _on_disconnect(
        self, client: Client, userdata: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            logger.warning("broker %s: the connection ended (%s); connecting again", self._address, reason.getName())

    def _on_subscribe(
        self, client: Client, userdata: Any, message_id: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            logger.error("broker %s does not let us subscribe to %s: allow it there", self._address, self._topic)
        else:
            logger.info("subscribed to %s", self._topic)

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        """Keep a report and give a receipt; PUBACK is sent after this returned."""
        device_id = message.topic.split("/")[2]
        body = message.payload.decode("utf-8", errors="replace")
        try:
            report = read_report(body)
            if report.device_id != device_id:
                raise ValueError(f"it is of device {report.device_id!r}, and came on the topic of {device_id!r}")
        except ValueError as error:  # pydantic's is one
            reason = _first_line(error)
            logger.error("%s: not a report: %s", message.topic, reason)
            self._answer(device_id, _report_id_of(message), "refused", reason)
            return
        fresh = self._sink.keep(report, body)
        logger.info("%s %s %s", device_id, report.report_id, "kept" if fresh else "was here already")
        self._answer(device_id, report.report_id, "stored", "")
        if fresh:
            self._on_report(report)

    def _answer(self, device_id: str, report_id: str | None, status: str, reason: str) -> None:
        if self._application is None or report_id is None:
            return
        try:
            receipt = Receipt.model_validate(
                {"report_id": report_id, "status": status, "reason": reason, "application": self._application}
            )
        except ValidationError:
            return  # nothing that a box would know
        self._client.publish(device_topic(device_id, "receipt"), receipt.to_json(), qos=1)


def read_report(body: str) -> Report:
    """A report, also of a newer box that says more than this version knows.

    Raises:
        ValueError: It does not follow the schema.
    """
    try:
        return Report.from_json(body)
    except ValidationError as error:
        unknown = [tuple(details["loc"]) for details in error.errors() if details["type"] == "extra_forbidden"]
        if len(unknown) < error.error_count():
            raise
        return Report.from_json(_without(body, unknown))


def _without(body: str, places: list[tuple[str | int, ...]]) -> str:
    tree = json.loads(body)
    for place in places:
        part = tree
        for key in place[:-1]:
            part = part[key]
        del part[place[-1]]
    return json.dumps(tree)


def _report_id_of(message: MQTTMessage) -> str | None:
    properties = getattr(getattr(message, "properties", None), "UserProperty", ())
    return next((value for name, value in properties if name == "report_id"), None)


def _first_line(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
