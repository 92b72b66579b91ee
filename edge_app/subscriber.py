"""A client of the broker as an integrator would write it: gets every report of a device."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_app.config import MqttConfig
from edge_app.errors import BrokerError
from edge_app.messages import Report, device_topic

CONNECT_TIMEOUT_S = 5.0


class Subscriber:
    """Calls ``on_report`` with every report that is delivered, while it is entered.

    Args:
        settings: The broker, without TLS.
        device_id: Whose reports.
        on_report: Called in the client's thread.
    """

    def __init__(self, settings: MqttConfig, device_id: str, on_report: Callable[[Report], None]) -> None:
        self._settings = settings
        self._topic = device_topic(device_id, "report") + "/+"
        self._on_report = on_report
        self._subscribed = False
        version = MQTTProtocolVersion.MQTTv5 if settings.version == "5" else MQTTProtocolVersion.MQTTv311
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=version)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        if self._settings.username is not None:
            password = self._settings.password_file
            text = None if password is None else password.read_text("utf-8").rstrip("\r\n")
            self._client.username_pw_set(self._settings.username, text)
        address = f"{self._settings.host}:{self._settings.port}"
        try:
            self._client.connect(self._settings.host, self._settings.port)
        except OSError as error:
            raise BrokerError(f"broker {address}: cannot be reached: {error}") from error
        if self._client.loop_start() != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError(f"broker {address}: the client does not start")
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while not self._subscribed:
            if time.monotonic() > deadline:
                self._client.loop_stop()
                raise BrokerError(f"broker {address}: no answer to the subscription within {CONNECT_TIMEOUT_S:g} s")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, client: Client, userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if not reason.is_failure:
            client.subscribe(self._topic, qos=1)

    def _on_subscribe(
        self, client: Client, userdata: Any, message_id: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        self._subscribed = not any(reason.is_failure for reason in reasons)

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        self._on_report(Report.from_json(bytes(message.payload)))
