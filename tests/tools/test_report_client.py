import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brokers import Mosquitto, Subscriber, wait_for
from fakes.reports import make_report

from edge_app.messages import Receipt
from tools.faulting.verdict import read_received
from tools.report_client import ReportDatabase

CLIENT = Path(__file__).resolve().parents[2] / "tools/report_client.py"


@contextmanager
def client(mosquitto: Mosquitto, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(CLIENT), "--port", str(mosquitto.port)]
    command += ["--database", str(folder / "reports.sqlite3"), "--application", "archive"]
    log = folder / "log"
    already = log.read_text().count("subscribed") if log.exists() else 0
    with log.open("ab") as output, subprocess.Popen(command, stderr=output) as process:
        try:
            wait_for(lambda: log.read_text().count("subscribed") > already, "subscribed")
            yield process
        finally:
            process.kill()


def ids_in(folder: Path) -> list[str]:
    return [report["report_id"] for report in read_received(folder / "reports.sqlite3")]


def test_a_report_is_kept_once_and_each_arrival_is_answered(mosquitto: Mosquitto, tmp_path: Path) -> None:
    reports = [make_report(number) for number in range(3)]
    topic = "edge-cad/v1/cart-7/report/us_breast"
    with Subscriber(mosquitto.port) as box, client(mosquitto, tmp_path):
        for report in (*reports, reports[1]):
            box.publish(topic, report.to_json())
        box.publish(topic, "{}")
        box.publish(topic, make_report(device_id="cart-8").to_json())
        wait_for(lambda: len(box.on("receipt")) == 4, "answered")
    assert ids_in(tmp_path) == [report.report_id for report in reports]
    receipts = [Receipt.from_json(heard.body) for heard in box.on("receipt")]
    assert [receipt.report_id for receipt in receipts] == [r.report_id for r in (*reports, reports[1])]
    assert {(receipt.status, receipt.application) for receipt in receipts} == {("stored", "archive")}


def test_what_came_while_the_client_was_killed_waits_for_it(mosquitto: Mosquitto, tmp_path: Path) -> None:
    reports = [make_report(number) for number in range(4)]
    topic = "edge-cad/v1/cart-7/report/us_breast"
    with Subscriber(mosquitto.port) as box:
        with client(mosquitto, tmp_path) as process:
            box.publish(topic, reports[0].to_json())
            wait_for(lambda: ids_in(tmp_path), "kept")
            process.send_signal(signal.SIGKILL)
            process.wait()
        for report in reports[1:]:
            box.publish(topic, report.to_json())
        with client(mosquitto, tmp_path):
            wait_for(lambda: len(ids_in(tmp_path)) == 4, "the rest came")
    assert ids_in(tmp_path) == [report.report_id for report in reports]


def test_a_report_that_cannot_be_kept_is_not_acknowledged(tmp_path: Path, mosquitto: Mosquitto) -> None:
    database = ReportDatabase(tmp_path / "reports.sqlite3")
    report = make_report()
    with Subscriber(mosquitto.port) as box:
        with client(mosquitto, tmp_path) as process:
            database._connection.execute("ALTER TABLE reports RENAME TO hidden")
            box.publish("edge-cad/v1/cart-7/report/us_breast", report.to_json())
            process.wait(10)
            assert process.returncode != 0
            assert box.on("receipt") == []
        database._connection.execute("ALTER TABLE hidden RENAME TO reports")
        with client(mosquitto, tmp_path):
            wait_for(lambda: box.on("receipt"), "it came again")
    assert json.loads(database._connection.execute("SELECT body FROM reports").fetchone()[0])["report_id"] == (
        report.report_id
    )
    database.close()
