#!/usr/bin/env python3
"""A small MQTT client that keeps every report of edge-cad boxes exactly once: to use as it is, or to copy and change.

    pip install paho-mqtt
    python report_client.py --host broker.local --database reports.sqlite3

It needs nothing of edge-cad. What any client has to do is here, in the order in which it matters:

1. *A session of its own.* A fixed client id and a session that the broker keeps (MQTT 5: session expiry), so that what
   is published while the client is away waits at the broker. mosquitto needs ``persistence true`` for that, and
   ``max_queued_messages 0``: it silently drops what is beyond 1,000 otherwise.
2. *Keep first, acknowledge then.* The report is committed to the database before the callback returns, and paho sends
   PUBACK after that. A client that dies in between gets the report again.
3. *The same report may come twice* (QoS 1, a restarted box, ``replay``). ``report_id`` is its identity: one that is
   known changes nothing.
4. *A receipt for each*, for repeats too: a box with ``mqtt.delivery = "receipt"`` sends a report until it gets one.
   This, unlike the broker's PUBACK, survives a broker that is killed before it has written its queue to the disk.

``number`` in the table grows in the order of first arrival, which is the order in which a box made its reports.
"""

import argparse
import json
import logging
import sqlite3
import sys
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

REPORT_SCHEMA = "edge-cad/report/1"
SESSION_EXPIRY_S = 30 * 24 * 3600
"""The broker keeps what we miss for so long."""

log = logging.getLogger("report_client")


class ReportDatabase:
    """The reports that arrived, each once.

    Args:
        path: The SQLite file; made if missing.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS reports (number INTEGER PRIMARY KEY AUTOINCREMENT, "
            "report_id TEXT NOT NULL UNIQUE, device_id TEXT NOT NULL, body TEXT NOT NULL)"
        )

    def keep(self, report: dict[str, Any], body: str) -> bool:
        """Keep a report durably; False if it was here already, which costs no write."""
        known = self._connection.execute("SELECT 1 FROM reports WHERE report_id = ?", (report["report_id"],))
        if known.fetchone():
            return False
        self._connection.execute(
            "INSERT INTO reports (report_id, device_id, body) VALUES (?, ?, ?)",
            (report["report_id"], report["device_id"], body),
        )
        return True

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class ReportClient:
    """Subscribes to reports, keeps them and sends receipts, until the process ends.

    Args:
        database: Where they are kept.
        device: Whose reports; ``+`` for all boxes.
        client_id: Names the session at the broker: no two clients may share it.
        application: Named in the receipts.
    """

    def __init__(
        self, database: ReportDatabase, device: str = "+", client_id: str = "reports", application: str = "reports"
    ) -> None:
        self._database, self._application = database, application
        self._topic = f"edge-cad/v1/{device}/report/+"
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: log.info("subscribed to %s", self._topic)
        self._client.on_message = self._on_message

    def run(self, host: str, port: int, longest_pause_s: int = 30) -> None:
        """Connect, and again after every loss; returns never.

        Args:
            host: Of the broker.
            port: Of the broker.
            longest_pause_s: Between two attempts to connect; the first comes after a second.
        """
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        self._client.reconnect_delay_set(1, longest_pause_s)
        self._client.connect_async(host, port, keepalive=10, clean_start=False, properties=properties)
        self._client.loop_forever(retry_first_connection=True)

    def _on_connect(
        self, client: Client, userdata: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            log.warning("the broker refuses the connection: %s", reason)
            return
        log.info("connected; %s session", "old" if flags.session_present else "new")
        client.subscribe(self._topic, qos=1)

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        """Keep a report; an error here ends the process before PUBACK, so that the report comes again."""
        device_id = message.topic.split("/")[2]
        try:
            body = message.payload.decode()
            report = json.loads(body)
            if report["schema"] != REPORT_SCHEMA or report["device_id"] != device_id:
                raise ValueError(f"schema {report['schema']!r} of {report['device_id']!r}")
            report_id = str(report["report_id"])
        except (ValueError, KeyError, TypeError) as error:
            log.error("passed over, not a report: %s: %r", message.topic, error)
            return
        fresh = self._database.keep(report, body)
        log.info("%s %s %s", device_id, report_id, "kept" if fresh else "was here already")
        receipt = {
            "schema": "edge-cad/receipt/1",
            "report_id": report_id,
            "status": "stored",
            "application": self._application,
        }
        client.publish(f"edge-cad/v1/{device_id}/receipt", json.dumps(receipt), qos=1)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="the broker")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--device", default="+", help="whose reports; + for all boxes")
    parser.add_argument("--database", type=Path, default=Path("reports.sqlite3"))
    parser.add_argument("--client-id", default="reports", help="names the session; no two clients may share it")
    parser.add_argument("--application", default="reports", help="who signs the receipts")
    parser.add_argument("--longest-pause", type=int, default=30, metavar="S", help="between attempts to connect")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    client = ReportClient(
        ReportDatabase(arguments.database), arguments.device, arguments.client_id, arguments.application
    )
    client.run(arguments.host, arguments.port, arguments.longest_pause)


if __name__ == "__main__":
    main()
