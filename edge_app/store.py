"""Keep every report on disk until the broker has it: one SQLite file with reports, evidence and outbox."""

import logging
import math
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from edge_app.audit import Details, Head, append, last_details, write_head
from edge_app.errors import StoreError, StoreFull
from edge_app.identifiers import MAIN
from edge_app.messages import Amendment, Opinion, Report
from edge_app.records import Evidence as Evidence
from edge_app.seal import Seal
from edge_app.store_file import connect, digest, errors_of, lock, open_checked
from edge_app.store_reader import StoreCounts as StoreCounts
from edge_app.store_reader import StoreReader, evidence_key
from edge_app.store_reader import UnsentReport as UnsentReport
from edge_app.store_retention import FULL_AT, ROOM_AT, Pruned, prune_some, used_bytes
from edge_app.store_retention import Retention as Retention
from edge_app.store_salvage import Salvaged, carry_over

logger = logging.getLogger(__name__)


class Store(StoreReader):
    """The reports of one box. Any thread may call any method; only one ``Store`` may have a file open.

    Args:
        path: The SQLite file; it and its folder are made if missing. A damaged one is set aside, and a new one is begun
            with what can be read of it.
        max_bytes: No report is taken while the file holds more; None: as long as the disk has room.
        damaged: The file is known to be, and is set aside in any case.
        seal: Encrypts the pictures; None: they are kept as they are.
        destinations: Names of the brokers that get every report.

    Raises:
        StoreError: The file cannot be used; the text says why and the way out. So do all methods.
    """

    set_aside: Path | None
    """Where the damaged file went that was found at this start."""

    def __init__(
        self,
        path: Path,
        max_bytes: int | None = None,
        damaged: bool = False,
        seal: Seal | None = None,
        destinations: Iterable[str] = (MAIN,),
    ) -> None:
        self._destinations = tuple(destinations)
        self._max_bytes = max_bytes
        self._head: Head | None = None
        self._listeners: list[Callable[[], None]] = []
        # One connection writes and one reads, so that neither waits for the other (WAL).
        self._write_lock = threading.Lock()
        self._lock_file = lock(path)
        try:
            self._writer, self.set_aside = open_checked(path, damaged)
            with errors_of(path):
                super().__init__(path, connect(path), seal)
            if self.set_aside is not None:
                self.carry_over(self.set_aside)
        except BaseException:
            os.close(self._lock_file)
            raise

    def put(self, report: Report, evidence: Sequence[Evidence] = ()) -> None:
        """Keep a report with its evidence and put it into the outbox: all of it, durably, or nothing."""
        body = report.to_json()
        created_at, sha256 = _time_text(report.created_at), digest(body.encode())
        rows = [self._evidence_row(report.report_id, item) for item in evidence]
        with self._writing() as connection:
            self._check_room(connection)
            connection.execute(
                "INSERT INTO reports (report_id, device_id, category, created_at, body, sha256) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (report.report_id, report.device_id, report.topic_category, created_at, body, sha256),
            )
            connection.executemany(
                "INSERT INTO evidence (report_id, name, media_type, content, sha256, sealed) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            urgent = report.trigger is not None
            connection.executemany(
                "INSERT INTO outbox (report_id, destination, urgent) VALUES (?, ?, ?)",
                [(report.report_id, destination, urgent) for destination in self._destinations],
            )
            if report.amends is not None:
                connection.execute("INSERT INTO amended VALUES (?, ?)", (report.report_id, report.amends.report_id))
            if report.clock is not None and not report.clock.trusted:
                connection.execute("INSERT OR IGNORE INTO amendments (boot_id) VALUES (?)", (report.clock.boot_id,))
            self._log(connection, "report", {"report_id": report.report_id, "sha256": sha256})
        self._notify()

    def log(self, kind: str, details: Details) -> None:
        """Append to the audit log."""
        with self._writing() as connection:
            self._log(connection, kind, details)

    def log_change(self, kind: str, details: Details) -> bool:
        """Append to the audit log unless the newest entry of this kind says the same; True if it does not."""
        with self._writing() as connection:
            changed = last_details(connection, kind) != dict(details)
            if changed:
                self._log(connection, kind, details)
        return changed

    def keep_opinion(self, opinion: Opinion) -> None:
        """Keep what a person thinks of a finding, in place of what the same account thought before."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO opinions (opinion_id, report_id, module, feature, opinion, account, at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (opinion.opinion_id, opinion.report_id, opinion.module, opinion.feature, opinion.opinion, opinion.by,
                 _time_text(opinion.at)),
            )  # fmt: skip
            self._log(
                connection,
                "opinion",
                {
                    "report_id": opinion.report_id,
                    "module": opinion.module,
                    "feature": opinion.feature,
                    "opinion": opinion.opinion,
                    "account": opinion.by,
                },
            )

    def withdraw_opinion(self, report_id: str, module: str, feature: str, account: str) -> bool:
        """Drop what an account thought of a finding; False if it had not said anything."""
        with self._writing() as connection:
            dropped = connection.execute(
                "DELETE FROM opinions WHERE report_id = ? AND module = ? AND feature = ? AND account = ?",
                (report_id, module, feature, account),
            ).rowcount
            if dropped:
                details = {"report_id": report_id, "module": module, "feature": feature, "account": account}
                self._log(connection, "opinion", {**details, "opinion": "withdrawn"})
        return bool(dropped)

    def amend(self, amendment: Amendment) -> bool:
        """Keep an amendment until it is delivered; False if no report of that boot needs one, or it has one."""
        with self._writing() as connection:
            needed = connection.execute(
                "UPDATE amendments SET body = ? WHERE boot_id = ? AND body IS NULL",
                (amendment.to_json(), amendment.boot_id),
            ).rowcount
        if needed:
            self._notify()
        return bool(needed)

    def mark_amended(self, boot_id: str, destination: str = MAIN) -> None:
        """The amendment of a boot was delivered to a broker."""
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO amendment_deliveries VALUES (?, ?)", (boot_id, destination))

    def mark_delivered(self, outbox_ids: Iterable[int]) -> None:
        """Take reports out of the outbox; they stay in the store."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in outbox_ids])

    def mark_refused(self, outbox_id: int, reason: str) -> None:
        """Keep a report in the outbox, but do not send it again by itself."""
        with self._writing() as connection:
            connection.execute("UPDATE outbox SET refusal = ? WHERE id = ?", (reason, outbox_id))

    def drop_other_destinations(self) -> dict[str, int]:
        """Take what waits for brokers that are no destination any more out of the outbox; how many, by name.

        The reports stay in the store.
        """
        marks = ", ".join("?" * len(self._destinations))
        with self._writing() as connection:
            rows = connection.execute(
                f"SELECT destination, count(*) FROM outbox WHERE destination NOT IN ({marks}) GROUP BY destination",
                self._destinations,
            ).fetchall()
            for destination, count in rows:
                connection.execute("DELETE FROM outbox WHERE destination = ?", (destination,))
                self._log(connection, "destination_dropped", {"destination": destination, "unsent": count})
        return dict(rows)

    def retry_refused(self, destination: str = MAIN) -> int:
        """Let reports that a broker refused be sent to it again, in their old order; returns how many."""
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE outbox SET refusal = NULL WHERE refusal IS NOT NULL AND destination = ?", (destination,)
            ).rowcount
        self._notify()
        return changed

    def send_again(self, after: datetime) -> int:
        """Put the reports made after a moment back into the outbox of every broker, oldest first; returns how many."""
        with self._writing() as connection:
            changed = max(
                connection.execute(
                    "INSERT INTO outbox (report_id, destination) SELECT report_id, ? FROM reports WHERE created_at > ? "
                    "AND report_id NOT IN (SELECT report_id FROM outbox WHERE destination = ?) "
                    "ORDER BY created_at, report_id",
                    (destination, _time_text(after), destination),
                ).rowcount
                for destination in self._destinations
            )
        self._notify()
        return changed

    def prune(self, retention: Retention, now: datetime | None, batches: float = math.inf) -> Pruned:
        """Drop evidence and reports that were delivered and are old, or that take room which is needed.

        Args:
            retention: What may be dropped.
            now: Wall time; None where it cannot be believed: nothing is dropped for its age.
            batches: At most so many times ``store_retention.BATCH`` reports.
        """
        total = Pruned(0, 0)
        with self._reading() as connection:
            making_room = used_bytes(connection) > FULL_AT * retention.max_bytes
        while batches > 0:
            batches -= 1
            with self._writing() as connection:
                making_room = making_room and used_bytes(connection) > ROOM_AT * retention.max_bytes
                dropped = prune_some(connection, retention, now, making_room)
                if dropped:
                    self._log(connection, "prune", {"reports": dropped.reports, "evidence": dropped.evidence})
            if not dropped:
                break
            total += dropped
        return total

    def carry_over(self, damaged: Path) -> Salvaged:
        """Take over what can be read of a damaged store."""
        with self._write_lock, errors_of(self.path):
            salvaged = carry_over(damaged, self._writer, self._destinations)
        self.log("carry_over", {"file": damaged.name, **asdict(salvaged)})
        self._notify()
        return salvaged

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

    def _evidence_row(self, report_id: str, item: Evidence) -> tuple[str, str, str, bytes, str, bool]:
        """For the table; a picture is encrypted if there is a key."""
        content, sealed = item.content, self._seal is not None and item.media_type.startswith("image/")
        if self._seal is not None and sealed:
            content = self._seal.close(content, evidence_key(report_id, item.name))
        return report_id, item.name, item.media_type, content, digest(content), sealed

    def _log(self, connection: sqlite3.Connection, kind: str, details: Details) -> None:
        """Append to the audit log within a transaction; the head is written after its commit."""
        self._head = append(connection, kind, details)

    def _check_room(self, connection: sqlite3.Connection) -> None:
        if self._max_bytes is not None and (used := used_bytes(connection)) > self._max_bytes:
            raise StoreFull(
                f"{self.path}: holds {used / 1e6:.0f} MB, more than store.max_size_mb allows: have the reports "
                "delivered (see edge-cad doctor), or raise the limit"
            )

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock, errors_of(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._head = None
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # SQLite has already rolled back after some errors
                    self._writer.execute("ROLLBACK")
                raise
            if self._head is not None:
                try:
                    write_head(self.path, self._head)
                except StoreError as error:  # an older head is true too
                    logger.warning("%s", error)


def _time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
