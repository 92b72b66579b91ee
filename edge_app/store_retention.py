"""What may be dropped from the store: delivered reports and their evidence, by age and for room. Never unsent ones."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

BATCH: Final = 100
"""Reports dropped in one transaction, so that a report never waits long for its place."""
FULL_AT: Final = 0.9
"""From this part of the limit on, old things make room, to ROOM_AT of it."""
ROOM_AT: Final = 0.8


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how much is kept of what was delivered."""

    max_bytes: int
    sent_days: float
    """Delivered reports are kept so long."""
    evidence_days: float
    """The pictures of delivered reports are kept so long."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was dropped."""

    reports: int
    evidence: int
    """Reports that lost their evidence, and stay."""

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(self.reports + other.reports, self.evidence + other.evidence)

    def __bool__(self) -> bool:
        return bool(self.reports or self.evidence)


def used_bytes(connection: sqlite3.Connection) -> int:
    """What the file holds, without the pages that are free to be used again."""
    (used,) = connection.execute(
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, "
        "pragma_page_size"
    ).fetchone()
    return int(used)


def prune_some(connection: sqlite3.Connection, retention: Retention, now: datetime | None, making_room: bool) -> Pruned:
    """Drop one batch, oldest first; nothing if nothing may be dropped.

    Args:
        connection: Within a transaction.
        retention: What may be dropped.
        now: Wall time; None where it cannot be believed.
        making_room: Whatever its age.
    """
    if now is not None:
        dropped = _drop(connection, _before(now, retention.evidence_days), _before(now, retention.sent_days))
        if dropped:
            return dropped
    if not making_room:
        return Pruned(0, 0)
    newest = "9999"
    return _drop(connection, newest, "") or _drop(connection, newest, newest)


def _drop(connection: sqlite3.Connection, evidence_before: str, sent_before: str) -> Pruned:
    evidence = connection.execute(
        "DELETE FROM evidence WHERE report_id IN (SELECT DISTINCT report_id FROM evidence "
        "JOIN reports USING (report_id) WHERE created_at < ? AND report_id NOT IN (SELECT report_id FROM outbox) "
        "ORDER BY evidence.rowid LIMIT ?) RETURNING report_id",
        (evidence_before, BATCH),
    ).fetchall()
    if evidence:
        return Pruned(0, len(set(evidence)))
    reports = connection.execute(
        "DELETE FROM reports WHERE rowid IN (SELECT reports.rowid FROM reports WHERE created_at < ? "
        "AND report_id NOT IN (SELECT report_id FROM outbox) ORDER BY created_at LIMIT ?)",
        (sent_before, BATCH),
    ).rowcount
    return Pruned(reports, 0)


def _before(now: datetime, days: float) -> str:
    return (now.astimezone(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
