"""A log of what was done on this box, to which one can only append: each entry bears the hash of the one before.

It is a table of the store, written in the same transaction as what it tells of. An entry that is changed, taken out,
moved or put between breaks the chain. Entries cut off at the end, as by a truncated WAL, are found by ``<store>.head``,
a small file with the number and hash of the newest entry, written after each commit, so that it is never ahead of a
sound store. Whoever can write both can make a new chain: write the last hash of ``edge-cad audit verify`` down
elsewhere.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from edge_app.clock import clock_now
from edge_app.store_file import connect, connect_to_read, digest, errors_of

FIRST: Final = "0" * 64
"""What the first entry bears instead of a hash."""
PROBLEMS_TOLD: Final = 20

Details: TypeAlias = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class AuditState:
    """What was found."""

    entries: int
    last_hash: str
    problems: tuple[str, ...]


def append(connection: sqlite3.Connection, kind: str, details: Details) -> Head:
    """Append an entry.

    Args:
        connection: Within a transaction that may write.
        kind: ``report``, ``start``, ``config_changed``, ``models_changed``, ``command``, ``export``, ``prune``,
            ``carry_over``, ``page``, ``override``, ``opinion``.
        details: Ids, counts and accounts of the page; never anything of a patient.
    """
    row = connection.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    number, previous = (1, FIRST) if row is None else (row[0] + 1, row[1])
    clock = clock_now()
    entry = json.dumps(
        {
            "number": number,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "boot_id": clock.boot_id,
            "monotonic_ns": clock.monotonic_ns,
            "kind": kind,
            "details": dict(details),
            "previous": previous,
        },
        separators=(",", ":"),
    )
    head = Head(number, _hash(entry))
    connection.execute(
        "INSERT INTO audit (number, kind, entry, hash) VALUES (?, ?, ?, ?)", (number, kind, entry, head.hash)
    )
    return head


def append_beside(path: Path, kind: str, details: Details) -> None:
    """Append an entry to the log of a store that a service may be using.

    Raises:
        StoreError: The store cannot be written.
    """
    with errors_of(path), closing(connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        head = append(connection, kind, details)
        connection.execute("COMMIT")
    write_head(path, head)


def last_details(connection: sqlite3.Connection, kind: str) -> dict[str, str | int | float | bool] | None:
    """What the newest entry of a kind says."""
    row = connection.execute(
        "SELECT json_extract(entry, '$.details') FROM audit WHERE kind = ? AND kind <> 'report' "
        "ORDER BY number DESC LIMIT 1",
        (kind,),
    ).fetchone()
    return None if row is None else json.loads(row[0])


def write_head(path: Path, head: Head) -> None:
    """Remember the newest entry beside the store, after its commit.

    Not synced: after a power cut it may be an older one, which is still true.
    """
    with errors_of(path):
        file = os.open(f"{path}.head", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(file, f"{head.number:020d} {head.hash}\n".encode(), 0)
        finally:
            os.close(file)


def read_head(path: Path) -> Head | None:
    """The newest entry as remembered beside the store; None if there is none or a power cut spoiled it."""
    try:
        number, hash_, *_ = Path(f"{path}.head").read_text("ascii").split()
        return Head(int(number), hash_)
    except (OSError, ValueError):
        return None


def verify(path: Path) -> AuditState:
    """Follow the chain to its end or to where it breaks, and compare it with the reports and with the head.

    Raises:
        StoreError: The store cannot be read.
    """
    connection = connect_to_read(path)
    head = read_head(path)  # before the entries: the service may write more meanwhile
    try:
        with errors_of(path):
            connection.execute("BEGIN")
            return _verify(connection, head)
    finally:
        connection.close()


def _verify(connection: sqlite3.Connection, head: Head | None) -> AuditState:
    previous, count, problems = FIRST, 0, []
    logged: dict[str, str] = {}
    pruned, at_head = 0, None
    for number, entry, hash_ in connection.execute("SELECT number, entry, hash FROM audit ORDER BY number"):
        if problem := _break(number, entry, hash_, count + 1, previous):
            return AuditState(count, previous, (f"entry {number}: {problem}",))
        told = json.loads(entry)
        if told["kind"] == "report":
            logged[told["details"]["report_id"]] = told["details"]["sha256"]
        elif told["kind"] == "prune":
            pruned += told["details"]["reports"]
        previous, count = hash_, number
        if head is not None and number == head.number:
            at_head = hash_
    if head is not None and at_head != head.hash:
        problems.append(
            f"entries were cut off at the end: {head.number} had been written, {count} are here"
            if head.number > count
            else f"entry {head.number} is not the one that was written"
        )
    for report_id, body in connection.execute("SELECT report_id, body FROM reports ORDER BY rowid"):
        known = logged.pop(report_id, None)
        if known is not None and known != digest(body.encode()):
            problems.append(f"report {report_id} is not what was logged")
    if len(logged) > pruned:
        problems.append(f"{len(logged)} reports are not in the store any more, and {pruned} were pruned")
    return AuditState(count, previous, tuple(problems[:PROBLEMS_TOLD]))


def _break(number: int, entry: str, hash_: str, expected: int, previous: str) -> str:
    """What is wrong with an entry; empty if nothing is."""
    if number != expected:
        return f"entry {expected} is missing"
    if _hash(entry) != hash_:
        return "it was changed"
    if json.loads(entry)["previous"] != previous:
        return "it does not follow the one before"
    return ""


def _hash(entry: str) -> str:
    return hashlib.sha256(entry.encode()).hexdigest()
