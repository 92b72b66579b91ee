"""Read the store's file: the service reads its own, and others may read beside it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from edge_app.errors import StoreSealed
from edge_app.identifiers import MAIN
from edge_app.messages import Amendment, Report
from edge_app.records import Evidence
from edge_app.seal import Seal
from edge_app.store_file import connect_to_read, errors_of
from edge_app.store_retention import used_bytes

UNSENT: Final = "SELECT id, report_id, device_id, category, body FROM outbox JOIN reports USING (report_id)"


@dataclass(frozen=True, slots=True)
class UnsentReport:
    """A report that waits in the outbox."""

    outbox_id: int
    """Grows in the order of sending."""
    report_id: str
    device_id: str
    category: str
    """Last level of the topic."""
    body: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """How full the store is."""

    reports: int
    unsent: int
    """That wait to be sent; one that waits for two brokers counts twice."""
    refused: int
    """Reports that the broker would not take; they stay."""
    oldest_unsent_at: datetime | None
    size_bytes: int


class StoreReader:
    """Reads the reports of one box, also while its service runs. Any thread may call any method.

    Args:
        path: The SQLite file.
        connection: To it; None opens one that cannot write.
        seal: Opens encrypted pictures.

    Raises:
        StoreError: The file cannot be used; the text says why and the way out. So do all methods.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection | None = None, seal: Seal | None = None) -> None:
        self.path = path
        self._seal = seal
        self._read_lock = threading.Lock()
        self._reader = connect_to_read(path) if connection is None else connection

    def next_unsent(self, after: int, limit: int, destination: str = MAIN) -> list[UnsentReport]:
        """Reports that wait to be sent to a broker, in order.

        Args:
            after: Only those with a greater ``outbox_id``.
            limit: At most so many.
            destination: The broker's name.
        """
        with self._reading() as connection:
            rows = connection.execute(
                f"{UNSENT} WHERE refusal IS NULL AND destination = ? AND id > ? ORDER BY id LIMIT ?",
                (destination, after, limit),
            ).fetchall()
        return [UnsentReport(*row) for row in rows]

    def newest_urgent(self, limit: int, destination: str = MAIN) -> list[UnsentReport]:
        """Reports that a person asked for and that wait to be sent to a broker, newest first."""
        with self._reading() as connection:
            rows = connection.execute(
                f"{UNSENT} WHERE refusal IS NULL AND urgent AND destination = ? ORDER BY id DESC LIMIT ?",
                (destination, limit),
            ).fetchall()
        return [UnsentReport(*row) for row in rows]

    def find_unsent(self, report_id: str, destination: str = MAIN) -> UnsentReport | None:
        """A report, if it waits to be sent to a broker."""
        with self._reading() as connection:
            row = connection.execute(
                f"{UNSENT} WHERE refusal IS NULL AND report_id = ? AND destination = ?", (report_id, destination)
            ).fetchone()
        return None if row is None else UnsentReport(*row)

    def unsent_to(self, destination: str) -> int:
        """How many reports wait to be sent to a broker."""
        with self._reading() as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM outbox WHERE refusal IS NULL AND destination = ?", (destination,)
            ).fetchone()
        return int(count)

    def undelivered_amendments(self, destination: str = MAIN) -> list[Amendment]:
        """Amendments that wait to be sent to a broker."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT body FROM amendments WHERE body IS NOT NULL AND boot_id NOT IN "
                "(SELECT boot_id FROM amendment_deliveries WHERE destination = ?)",
                (destination,),
            )
            return [Amendment.from_json(body) for (body,) in rows]

    def amendment(self, boot_id: str) -> Amendment | None:
        """The amendment of a boot, if its clock was set later."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT body FROM amendments WHERE boot_id = ? AND body IS NOT NULL", (boot_id,)
            ).fetchone()
        return None if row is None else Amendment.from_json(row[0])

    def read(self, report_id: str) -> Report | None:
        """One report, or None if it is not here."""
        with self._reading() as connection:
            row = connection.execute("SELECT body FROM reports WHERE report_id = ?", (report_id,)).fetchone()
        return None if row is None else Report.from_json(row[0])

    def report_ids(self) -> list[str]:
        """Every report, in the order in which they were kept."""
        with self._reading() as connection:
            return [row[0] for row in connection.execute("SELECT report_id FROM reports ORDER BY rowid")]

    def bodies(self, after: int, limit: int) -> list[tuple[int, str, str, str | None]]:
        """Reports in the order in which they were kept: (row number, report id, JSON, SHA-256 of that).

        Args:
            after: Only those with a greater row number.
            limit: At most so many.
        """
        with self._reading() as connection:
            return connection.execute(
                "SELECT rowid, report_id, body, sha256 FROM reports WHERE rowid > ? ORDER BY rowid LIMIT ?",
                (after, limit),
            ).fetchall()

    def read_evidence(self, report_id: str, without: str = "") -> list[Evidence]:
        """The files kept beside one report, by name.

        Args:
            report_id: Of the report.
            without: The name of a file that is not wanted.

        Raises:
            StoreSealed: A picture is encrypted, and no key opens it.
        """
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT name, media_type, content, sealed FROM evidence WHERE report_id = ? AND name <> ? "
                "ORDER BY name",
                (report_id, without),
            ).fetchall()
        return [
            Evidence(name, media_type, self._opened(report_id, name, content) if sealed else content)
            for name, media_type, content, sealed in rows
        ]

    def _opened(self, report_id: str, name: str, content: bytes) -> bytes:
        if self._seal is None:
            raise StoreSealed(f"{self.path}: {evidence_key(report_id, name)} is encrypted: set store.key_file")
        return self._seal.open(content, evidence_key(report_id, name))

    def evidence_contents(self) -> Iterator[tuple[str, str, bytes, str | None]]:
        """Every file kept beside a report: (report id, name, content, SHA-256 of that)."""
        with self._reading() as connection:
            keys = connection.execute("SELECT rowid FROM evidence").fetchall()
        for key in keys:
            with self._reading() as connection:
                row = connection.execute("SELECT report_id, name, content, sha256 FROM evidence WHERE rowid = ?", key)
                yield from row.fetchall()

    def integrity_problems(self, limit: int) -> list[str]:
        """What SQLite finds wrong with pages, indexes and references."""
        with self._reading() as connection:
            found = [text for (text,) in connection.execute(f"PRAGMA integrity_check({limit:d})") if text != "ok"]
            missing = connection.execute("PRAGMA foreign_key_check").fetchall()
        return found + [f"a row of {table} belongs to no report" for table, *_ in missing]

    def refusals(self, limit: int = 20) -> list[tuple[str, str]]:
        """(report id, reason) of reports that the broker would not take, oldest first."""
        with self._reading() as connection:
            return connection.execute(
                "SELECT report_id, refusal FROM outbox WHERE refusal IS NOT NULL ORDER BY id LIMIT ?", (limit,)
            ).fetchall()

    def counts(self) -> StoreCounts:
        """How full the store is."""
        with self._reading() as connection:
            reports, unsent, refused, oldest = connection.execute(
                "SELECT (SELECT count(*) FROM reports), "
                "(SELECT count(*) FROM outbox WHERE refusal IS NULL), "
                "(SELECT count(*) FROM outbox WHERE refusal IS NOT NULL), "
                "(SELECT created_at FROM outbox JOIN reports USING (report_id) "
                " WHERE refusal IS NULL ORDER BY id LIMIT 1)"
            ).fetchone()
            size_bytes = used_bytes(connection)
        oldest_at = None if oldest is None else datetime.fromisoformat(oldest)
        return StoreCounts(reports, unsent, refused, oldest_at, size_bytes)

    def close(self) -> None:
        """Close the file; calling it again does nothing."""
        with self._read_lock:
            self._reader.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._read_lock, errors_of(self.path):
            yield self._reader


def evidence_key(report_id: str, name: str) -> str:
    """What names one file beside one report."""
    return f"{report_id}/{name}"
