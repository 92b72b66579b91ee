"""Carry over what can be read of a damaged store."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import ValidationError

from edge_app.identifiers import MAIN
from edge_app.messages import Report
from edge_app.store_file import digest

BATCH: Final = 200
"""Reports in one transaction."""
ROWS_TRIED: Final = 1_000_000
"""Where even the number of reports cannot be read."""
SEALED_SINCE: Final = 6
"""The first version of the schema that knows encrypted pictures."""
DESTINATIONS_SINCE: Final = 7
"""The first one that knows several brokers."""
Waiting: TypeAlias = tuple[str, str, int, str | None]
"""Report id, destination, urgent, refusal."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What became of a damaged store."""

    reports: int = 0
    unsent: int = 0
    """Of these, to be sent; where the outbox cannot be read, all: a repeat is known by its id."""
    unreadable: int = 0
    """Reports that are lost, or are not what was kept."""


def carry_over(damaged: Path, connection: sqlite3.Connection, destinations: tuple[str, ...] = (MAIN,)) -> Salvaged:
    """Copy every report that is whole into another store, with its evidence and its place in the outbox.

    Reports that are there already are left as they are, so that it can be done again.

    Args:
        damaged: The file, with its ``-wal`` beside it if it had one.
        connection: To the other store, outside of a transaction.
        destinations: Brokers that get everything again where the outbox cannot be read.
    """
    with closing(sqlite3.connect(damaged, isolation_level=None)) as old:
        try:
            (version,) = old.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError as error:
            logger.error("%s: nothing can be read of it: %s", damaged, error)
            return Salvaged()
        digests = ("sha256" if version >= 2 else "NULL", "sealed" if version >= SEALED_SINCE else "0")
        outbox = _outbox(old, version)
        salvaged = _carry_over(old, digests, connection, outbox, destinations)
    logger.error(
        "%s: %d reports were carried over, %d of them to be sent; %d could not be read",
        damaged,
        salvaged.reports,
        salvaged.unsent,
        salvaged.unreadable,
    )
    return salvaged


def _carry_over(
    old: sqlite3.Connection,
    columns: tuple[str, str],
    connection: sqlite3.Connection,
    outbox: list[Waiting] | None,
    destinations: tuple[str, ...],
) -> Salvaged:
    reports, unsent, unreadable, last = 0, 0, 0, _last_row(old)
    for first in range(1, last + 1, BATCH):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for row in _rows(old, columns[0], first, min(first + BATCH, last + 1)):
                if row is None:
                    unreadable += 1
                elif connection.execute(
                    "INSERT OR IGNORE INTO reports (report_id, device_id, category, created_at, body, sha256) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    row,
                ).rowcount:
                    reports += 1
                    _copy_evidence(old, connection, row[0], columns)
                    _copy_corrections(old, connection, row[0], row[4])
                    if outbox is None:
                        unsent += 1
                        connection.executemany(
                            "INSERT INTO outbox (report_id, destination) VALUES (?, ?)",
                            [(row[0], destination) for destination in destinations],
                        )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    for report_id, destination, urgent, refusal in outbox or ():
        unsent += connection.execute(
            "INSERT OR IGNORE INTO outbox (report_id, destination, urgent, refusal) "
            "SELECT report_id, ?, ?, ? FROM reports WHERE report_id = ?",
            (destination, urgent, refusal, report_id),
        ).rowcount
    return Salvaged(reports, unsent, unreadable)


def _outbox(old: sqlite3.Connection, version: int) -> list[Waiting] | None:
    """What waits, in order; None if that cannot be read."""
    columns = "destination, urgent" if version >= DESTINATIONS_SINCE else f"'{MAIN}', 0"
    try:
        return old.execute(f"SELECT report_id, {columns}, refusal FROM outbox NOT INDEXED ORDER BY id").fetchall()
    except sqlite3.DatabaseError:
        return None


def _last_row(old: sqlite3.Connection) -> int:
    try:
        return old.execute("SELECT max(rowid) FROM reports NOT INDEXED").fetchone()[0] or 0
    except sqlite3.DatabaseError:
        return ROWS_TRIED


def _rows(old: sqlite3.Connection, digests: str, first: int, end: int) -> Iterator[tuple[Any, ...] | None]:
    """The reports of some rows; None for one that cannot be read or is not what was kept."""
    for number in range(first, end):
        try:
            row = old.execute(
                f"SELECT report_id, device_id, category, created_at, body, {digests} FROM reports WHERE rowid = ?",
                (number,),
            ).fetchone()
            if row is None:
                continue  # pruned
            report = Report.from_json(row[4])
            whole = report.report_id == row[0] and row[5] in (None, digest(row[4].encode()))
        except (sqlite3.DatabaseError, ValidationError, UnicodeError, TypeError, AttributeError):
            whole = False
        yield row if whole else None


def _copy_corrections(old: sqlite3.Connection, connection: sqlite3.Connection, report_id: str, body: str) -> None:
    """What persons said of a report, and which one it replaces."""
    amends = Report.from_json(body).amends
    if amends is not None:
        connection.execute("INSERT OR IGNORE INTO amended VALUES (?, ?)", (report_id, amends.report_id))
    try:
        rows = old.execute(
            "SELECT opinion_id, report_id, module, feature, opinion, account, at FROM opinions WHERE report_id = ?",
            (report_id,),
        ).fetchall()
    except sqlite3.DatabaseError:  # damaged, or of a version that had none
        return
    connection.executemany("INSERT OR IGNORE INTO opinions VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _copy_evidence(
    old: sqlite3.Connection, connection: sqlite3.Connection, report_id: str, columns: tuple[str, str]
) -> None:
    try:
        rows = old.execute(
            f"SELECT report_id, name, media_type, content, {', '.join(columns)} FROM evidence WHERE report_id = ?",
            (report_id,),
        ).fetchall()
    except sqlite3.DatabaseError:
        return
    connection.executemany(
        "INSERT INTO evidence (report_id, name, media_type, content, sha256, sealed) VALUES (?, ?, ?, ?, ?, ?)",
        [row for row in rows if row[4] in (None, digest(row[3]))],
    )
