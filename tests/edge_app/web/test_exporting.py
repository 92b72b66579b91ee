import csv
import io
import json

from fakes.reports import make_report

from edge_app.messages import AnalysisInfo, Report
from edge_app.records import Evidence
from edge_app.store import Store
from edge_app.web.exporting import FIELDS, csv_lines, json_lines
from edge_app.web.report_shapes import ReportFilter
from edge_app.web.worklist import Worklist


def rows_of(store: Store) -> list[dict[str, str]]:
    worklist = Worklist(store.path)
    text = b"".join(csv_lines(worklist.every(ReportFilter(), 1000))).decode()
    worklist.close()
    return list(csv.DictReader(io.StringIO(text)))


def test_every_finding_has_a_line_and_every_module_at_least_one(store: Store) -> None:
    store.put(make_report(1))
    store.put(make_report(2, decision="rejected").model_copy(update={"analyses": ()}))
    rows = rows_of(store)
    assert tuple(rows[0]) == FIELDS
    assert [(row["module"], row["feature"], row["value"], row["lower"]) for row in rows] == [
        ("", "", "", ""),
        ("breast_lesion", "lesion_area", "81.5", "78.0"),
        ("breast_margin", "", "", ""),
    ]
    assert rows[1]["created_at"] == "2026-03-01T12:00:01+00:00" and rows[1]["delivery"] == "waiting"


def test_no_cell_is_run_by_a_spreadsheet(store: Store) -> None:
    entry = AnalysisInfo(
        module="bad", version="1", status="failed", reason="=cmd|' /C calc'!A0", duration_ms=1, experimental=True
    )
    store.put(make_report(1).model_copy(update={"analyses": (entry,), "source": "@SUM(1)"}))
    (row,) = rows_of(store)
    assert row["reason"].startswith("'=") and row["source"].startswith("'@")


def test_json_lines_are_the_reports_as_published(store: Store) -> None:
    reports = [make_report(number) for number in range(3)]
    for report in reports:
        store.put(report, (Evidence("picture.png", "image/png", b"png"),))
    worklist = Worklist(store.path)
    lines = b"".join(json_lines(worklist.every(ReportFilter(), 2))).splitlines()
    worklist.close()
    assert [Report.from_json(line) for line in lines] == reports[:0:-1]
    assert json.loads(lines[0])["schema"] == "edge-cad/report/1"
