import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brokers import Mosquitto, Subscriber, wait_for
from fakes.reports import make_clip_report, make_report
from publishing import all_sent, make_publisher, running

from edge_app.errors import StoreError
from edge_app.messages import Receipt, Report
from edge_app.report_sink import JsonLinesFile, SqliteFile, StandardOutput, open_sink
from edge_app.store import Store
from edge_app.subscription import read_report

TOPIC = "edge-cad/v1/cart-7/report/us_breast"


@contextmanager
def subscribe(folder: Path, port: int, *arguments: str, version: str = "5") -> Iterator[subprocess.Popen[bytes]]:
    """``edge-cad subscribe`` in a process of its own, once it has subscribed; ended by SIGTERM."""
    config, log = folder / "edge-cad.toml", folder / "log"
    config.write_text(f'[mqtt]\nport = {port}\nversion = "{version}"\n')
    command = [sys.executable, "-m", "edge_app", "subscribe", "--config", str(config), *arguments]
    before = log.read_text().count("subscribed to") if log.exists() else 0
    with log.open("ab") as output, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output) as process:
        try:
            wait_for(
                lambda: log.read_text().count("subscribed to") > before or process.poll() is not None, "subscribed"
            )
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def receipts_at(box: Subscriber) -> list[Receipt]:
    return [Receipt.from_json(heard.body) for heard in box.on("receipt")]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_box_that_waits_for_receipts_is_served(
    store: Store, mosquitto: Mosquitto, tmp_path: Path, version: str
) -> None:
    reports = [make_report(1), make_clip_report(2), make_report(3, decision="rejected")]
    output = tmp_path / "reports.jsonl"
    with (
        subscribe(tmp_path, mosquitto.port, "-o", str(output), version=version) as process,
        running(make_publisher(store, mosquitto.port, delivery="receipt", version=version)),
    ):
        for report in reports:
            store.put(report)
        wait_for(all_sent(store), "receipts came")
    assert process.returncode == 0
    assert [Report.from_json(line) for line in output.read_text().splitlines()] == reports


def test_repeats_are_kept_once_and_answered_and_what_is_no_report_is_refused(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    reports = [make_report(number) for number in range(3)]
    wrong = {**json.loads(make_report(9).to_json()), "scope": "clip"}
    output = tmp_path / "reports.sqlite3"
    with Subscriber(mosquitto.port) as box, subscribe(tmp_path, mosquitto.port, "-o", str(output)):
        for report in (*reports, reports[0]):
            box.publish(TOPIC, report.to_json())
        box.publish(TOPIC, json.dumps(wrong))
        box.publish(TOPIC, make_report(device_id="cart-8").to_json())
        wait_for(lambda: len(receipts_at(box)) == 4, "answered")
    connection = sqlite3.connect(output)
    rows = connection.execute("SELECT report_id FROM reports ORDER BY number").fetchall()
    assert [row[0] for row in rows] == [report.report_id for report in reports]
    assert connection.execute("SELECT feature, value, unit, low, high FROM findings").fetchall() == (
        [("lesion_area", 81.5, "mm2", 78.0, 85.0)] * 3
    )
    connection.close()
    assert {receipt.status for receipt in receipts_at(box)} == {"stored"}
    assert "not a report" in (tmp_path / "log").read_text()


def test_a_report_that_does_not_follow_the_schema_is_refused_by_its_id(
    store: Store, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    report = make_report()
    store.put(report)
    with store._writing() as connection:
        connection.execute("UPDATE reports SET body = json_set(body, '$.scope', 'nonsense')")
    with (
        subscribe(tmp_path, mosquitto.port),
        running(make_publisher(store, mosquitto.port, delivery="receipt"), flush_s=0),
    ):
        wait_for(lambda: store.refusals(), "refused")
    ((report_id, reason),) = store.refusals()
    assert report_id == report.report_id
    assert reason.startswith("edge-cad-subscribe refuses it: scope: ")


def test_it_lives_through_a_restart_of_the_broker_and_of_itself(
    make_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = make_mosquitto("persistence true", f"persistence_location {folder}/", folder=folder).start()
    reports = [make_report(number) for number in range(4)]
    output = tmp_path / "reports.jsonl"

    def kept() -> int:
        return len(output.read_text().splitlines())

    with subscribe(tmp_path, broker.port, "-o", str(output)):
        with Subscriber(broker.port) as box:
            box.publish(TOPIC, reports[0].to_json())
            wait_for(lambda: kept() == 1, "kept")
        broker.stop()
        broker.start()
        with Subscriber(broker.port) as box:
            box.publish(TOPIC, reports[1].to_json())
            wait_for(lambda: kept() == 2, "kept after the restart")
    with Subscriber(broker.port) as box:
        box.publish(TOPIC, reports[2].to_json())
        box.publish(TOPIC, reports[3].to_json())
    with subscribe(tmp_path, broker.port, "-o", str(output)):
        wait_for(lambda: kept() == 4, "the rest came")
    assert [json.loads(line)["report_id"] for line in output.read_text().splitlines()] == [
        report.report_id for report in reports
    ]


def test_count_ends_it_and_standard_output_is_json_lines(mosquitto: Mosquitto, tmp_path: Path) -> None:
    reports = [make_report(number) for number in range(2)]
    with (
        Subscriber(mosquitto.port) as box,
        subscribe(tmp_path, mosquitto.port, "--count", "2", "--no-receipts") as process,
    ):
        for report in (reports[0], *reports):
            box.publish(TOPIC, report.to_json())
        assert process.stdout is not None
        lines = process.stdout.read().decode().splitlines()
        assert process.wait(10) == 0
        assert receipts_at(box) == []
    assert [Report.from_json(line) for line in lines] == reports


def test_a_report_that_cannot_be_written_is_not_acknowledged(mosquitto: Mosquitto, tmp_path: Path) -> None:
    output, report = tmp_path / "reports.sqlite3", make_report()
    with Subscriber(mosquitto.port) as box:
        with subscribe(tmp_path, mosquitto.port, "-o", str(output)) as process:
            connection = sqlite3.connect(output)
            connection.executescript("DROP TABLE findings; DROP TABLE reports;")
            box.publish(TOPIC, report.to_json())
            assert process.wait(10) == 1
        assert receipts_at(box) == []
        connection.close()
        with subscribe(tmp_path, mosquitto.port, "-o", str(output)):
            wait_for(lambda: receipts_at(box), "it came again")


@pytest.mark.parametrize("kind", [JsonLinesFile, SqliteFile])
def test_a_sink_knows_what_it_kept_before(tmp_path: Path, kind: type[JsonLinesFile] | type[SqliteFile]) -> None:
    report, path = make_report(), tmp_path / "file"
    for expected in (True, False):
        sink = kind(path)
        assert sink.keep(report, report.to_json()) is expected
        assert sink.keep(report, report.to_json()) is False
        sink.close()


def test_a_line_that_was_cut_by_a_power_cut_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "reports.jsonl"
    first, second = make_report(1), make_report(2)
    path.write_text(first.to_json() + "\n" + second.to_json()[:100])
    sink = JsonLinesFile(path)
    assert not sink.keep(first, first.to_json())
    assert sink.keep(second, json.dumps(json.loads(second.to_json()), indent=1))
    sink.close()
    assert [Report.from_json(line) for line in path.read_text().splitlines()] == [first, second]


def test_the_sink_is_chosen_by_name_and_a_foreign_file_is_left_alone(tmp_path: Path) -> None:
    assert isinstance(open_sink("-"), StandardOutput)
    foreign = tmp_path / "notes.jsonl"
    foreign.write_text("my notes\n")
    with pytest.raises(StoreError, match="other lines than reports"):
        open_sink(str(foreign))
    assert foreign.read_text() == "my notes\n"
    with pytest.raises(StoreError):
        open_sink(str(tmp_path / "no folder" / "reports.sqlite3"))


def test_a_report_of_a_newer_box_is_read_without_what_is_unknown() -> None:
    report = make_report()
    newer = json.loads(report.to_json())
    newer["news"] = 1
    newer["analyses"][0]["findings"][0]["method"] = "x"
    assert read_report(json.dumps(newer)) == report
    newer["device_id"] = "no device"
    with pytest.raises(ValueError, match="device_id"):
        read_report(json.dumps(newer))
