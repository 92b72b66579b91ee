"""Where a subscriber keeps the reports that arrive, each once."""

import contextlib
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Final, Protocol

from edge_app.errors import StoreError
from edge_app.messages import Report
from edge_app.store_file import errors_of

SQLITE_SUFFIXES: Final = (".sqlite3", ".sqlite", ".db")

TABLES: Final = """
CREATE TABLE IF NOT EXISTS reports (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of first arrival
    report_id TEXT NOT NULL UNIQUE,
    device_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    category TEXT NOT NULL,                    -- or 'ambiguous', 'none'
    body TEXT NOT NULL                         -- JSON, as it came
);
CREATE INDEX IF NOT EXISTS reports_by_device ON reports (device_id, created_at);
CREATE TABLE IF NOT EXISTS findings (
    number INTEGER NOT NULL REFERENCES reports,
    module TEXT NOT NULL,
    feature TEXT NOT NULL,
    value REAL NOT NULL,
    unit TEXT NOT NULL,
    low REAL,
    high REAL
);
CREATE INDEX IF NOT EXISTS findings_by_feature ON findings (feature);
"""


class ReportSink(Protocol):
    """Keeps reports."""

    def keep(self, report: Report, body: str) -> bool:
        """Return when the report is safe; False if it was here before.

        Raises:
            StoreError: It could not be kept.
        """

    def close(self) -> None:
        """Let go of the file."""


def open_sink(output: str) -> ReportSink:
    """The sink for a file by its name; ``-`` is standard output.

    Raises:
        StoreError: The file cannot be used.
    """
    if output == "-":
        return StandardOutput()
    path = Path(output)
    return SqliteFile(path) if path.suffix.lower() in SQLITE_SUFFIXES else JsonLinesFile(path)


class StandardOutput:
    """One report per line; knows only what it wrote since it began."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def keep(self, report: Report, body: str) -> bool:
        """Write it out."""
        if report.report_id in self._known:
            return False
        sys.stdout.write(_line(body))
        sys.stdout.flush()
        self._known.add(report.report_id)
        return True

    def close(self) -> None:
        """Nothing is to be closed."""


class JsonLinesFile:
    """One report per line; a line that was not finished when the power went is cut off at the next start.

    The ids of all its reports are held in memory (100 bytes each).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[str] = set()
        with errors_of(path):
            self._file = path.open("a+b")
            self._file.seek(0)
            end = 0
            for line in self._file:
                if not line.endswith(b"\n"):
                    self._file.truncate(end)
                    break
                end += len(line)
                try:
                    self._known.add(json.loads(line)["report_id"])
                except (ValueError, KeyError, TypeError) as error:
                    self._file.close()
                    raise StoreError(f"{path}: holds other lines than reports: choose another file") from error

    def keep(self, report: Report, body: str) -> bool:
        """Append it, to the disk."""
        if report.report_id in self._known:
            return False
        with errors_of(self._path):
            self._file.write(_line(body).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        self._known.add(report.report_id)
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class SqliteFile:
    """Tables ``reports`` and ``findings``, for queries."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with errors_of(path):
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(TABLES)

    def keep(self, report: Report, body: str) -> bool:
        """Insert it with its findings, in one transaction."""
        known = "SELECT 1 FROM reports WHERE report_id = ?"
        with errors_of(self._path):
            if self._connection.execute(known, (report.report_id,)).fetchone():
                return False
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                number = self._connection.execute(
                    "INSERT INTO reports (report_id, device_id, created_at, category, body) VALUES (?, ?, ?, ?, ?)",
                    (report.report_id, report.device_id, report.created_at.isoformat(), report.topic_category, body),
                ).lastrowid
                self._connection.executemany(
                    "INSERT INTO findings (number, module, feature, value, unit, low, high) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (
                            number,
                            analysis.module,
                            found.feature,
                            found.value,
                            found.unit,
                            *(found.interval or (None,) * 2),
                        )
                        for analysis in report.analyses
                        for found in analysis.findings
                    ],
                )
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.OperationalError):  # SQLite has rolled back after some errors
                    self._connection.execute("ROLLBACK")
                raise
        return True

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _line(body: str) -> str:
    """On one line, whatever the box's JSON looks like."""
    return (body if "\n" not in body else json.dumps(json.loads(body))) + "\n"
