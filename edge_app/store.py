"""Keep every report on disk until the broker has it: one SQLite file with reports, evidence and outbox."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from edge_app.messages import Report
from edge_app.records import Evidence as Evidence
from edge_app.store_file import connect, errors_of, lock, open_checked
from edge_app.store_reader import StoreCounts as StoreCounts
from edge_app.store_reader import StoreReader
from edge_app.store_reader import UnsentReport as UnsentReport


class Store(StoreReader):
    """The reports of one box. Any thread may call any method; only one ``Store`` may have a file open.

    Args:
        path: The SQLite file; it and its folder are made if missing. A damaged one is set aside and a new one begun.

    Raises:
        StoreError: The file cannot be used; the text says why and the way out. So do all methods.
    """

    set_aside: Path | None
    """Where the damaged file went that was found at this start."""

    def __init__(self, path: Path) -> None:
        self._listeners: list[Callable[[], None]] = []
        # One connection writes and one reads, so that neither waits for the other (WAL).
        self._write_lock = threading.Lock()
        self._lock_file = lock(path)
        try:
            self._writer, self.set_aside = open_checked(path)
            with errors_of(path):
                super().__init__(path, connect(path))
        except BaseException:
            os.close(self._lock_file)
            raise

    def put(self, report: Report, evidence: Sequence[Evidence] = ()) -> None:
        """Keep a report with its evidence and put it into the outbox: all of it, durably, or nothing."""
        body = report.to_json()
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO reports (report_id, device_id, category, created_at, body) VALUES (?, ?, ?, ?, ?)",
                (report.report_id, report.device_id, report.topic_category, _time_text(report.created_at), body),
            )
            connection.executemany(
                "INSERT INTO evidence (report_id, name, media_type, content) VALUES (?, ?, ?, ?)",
                [(report.report_id, item.name, item.media_type, item.content) for item in evidence],
            )
            connection.execute("INSERT INTO outbox (report_id) VALUES (?)", (report.report_id,))
        self._notify()

    def mark_delivered(self, outbox_ids: Iterable[int]) -> None:
        """Take reports out of the outbox; they stay in the store."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in outbox_ids])

    def mark_refused(self, outbox_id: int, reason: str) -> None:
        """Keep a report in the outbox, but do not send it again by itself."""
        with self._writing() as connection:
            connection.execute("UPDATE outbox SET refusal = ? WHERE id = ?", (reason, outbox_id))

    def retry_refused(self) -> int:
        """Let refused reports be sent again, in their old order; returns how many."""
        with self._writing() as connection:
            changed = connection.execute("UPDATE outbox SET refusal = NULL WHERE refusal IS NOT NULL").rowcount
        self._notify()
        return changed

    def send_again(self, after: datetime) -> int:
        """Put the reports made after a moment back into the outbox, oldest first; returns how many."""
        with self._writing() as connection:
            changed = connection.execute(
                "INSERT INTO outbox (report_id) SELECT report_id FROM reports WHERE created_at > ? "
                "AND report_id NOT IN (SELECT report_id FROM outbox) ORDER BY created_at, report_id",
                (_time_text(after),),
            ).rowcount
        self._notify()
        return changed

    def on_unsent(self, listener: Callable[[], None]) -> None:
        """Call ``listener``, in the thread that wrote, after something was put into the outbox."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Close the file; calling it again does nothing."""
        super().close()
        with self._write_lock:
            self._writer.close()
            if self._lock_file >= 0:
                os.close(self._lock_file)
                self._lock_file = -1

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock, errors_of(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # SQLite has already rolled back after some errors
                    self._writer.execute("ROLLBACK")
                raise


def _time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
