"""Reports as JSON Lines or CSV."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from edge_app.messages import Report
from edge_app.web.report_shapes import ReportSummary

MOST: Final = 100_000
"""Reports in one export."""
FIELDS: Final = (
    "report_id", "created_at", "time_trusted", "scope", "source", "decision", "category", "probability", "amends",
    "amended_by", "delivery", "module", "version", "status", "reason", "experimental", "feature", "value", "unit",
    "lower", "upper",
)  # fmt: skip
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is run by spreadsheets."""

Batches = Iterator[list[tuple[ReportSummary, str]]]


def json_lines(batches: Batches) -> Iterator[bytes]:
    """One report a line, as it was published."""
    for batch in batches:
        yield b"".join(body.encode() + b"\n" for _, body in batch)


def csv_lines(batches: Batches) -> Iterator[bytes]:
    """One finding a line; a module without findings, and a report without modules, has a line too."""
    yield _line(FIELDS)
    for batch in batches:
        yield b"".join(_lines(summary, Report.from_json(body)) for summary, body in batch)


def _lines(summary: ReportSummary, report: Report) -> bytes:
    about = (
        summary.report_id, summary.created_at.isoformat(), summary.time_trusted, summary.scope, summary.source,
        summary.decision, summary.category, summary.probability, summary.amends, " ".join(summary.amended_by),
        summary.delivery,
    )  # fmt: skip
    lines = []
    for entry in report.analyses:
        module = (entry.module, entry.version, entry.status, entry.reason, entry.experimental)
        for finding in entry.findings:
            lower, upper = finding.interval or (None, None)
            lines.append(_line((*about, *module, finding.feature, finding.value, finding.unit, lower, upper)))
        if not entry.findings:
            lines.append(_line((*about, *module, None, None, None, None, None)))
    return b"".join(lines) or _line((*about, *(None,) * (len(FIELDS) - len(about))))


def _line(cells: tuple[object, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return text.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
