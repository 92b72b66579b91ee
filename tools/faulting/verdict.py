"""Compare what was promised with what the subscriber has."""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the reports of one scenario."""

    kills: int
    """Of the service, by SIGKILL."""
    published: int
    """Reports whose ``Store.put`` returned."""
    received: int
    """Different reports that the subscriber kept."""
    lost: int
    """Reports that were promised, or lie in the store, and that the subscriber does not have; and promised ones that
    are not in the store."""
    doubled: int
    """Results that the subscriber kept more than once: by report id, or by what they are about (run and picture)."""
    out_of_order: int
    """Reports that came to the subscriber for the first time after a later one had."""
    repeats: int = 0
    """Reports that came again and that the subscriber knew by their id: allowed, and told here only."""
    broker_faults: int = 0
    """Restarts, kills, hangs, refusals and spoiled links while the service ran and was killed."""
    subscriber_restarts: int = 0

    @property
    def good(self) -> bool:
        """Nothing was lost, doubled or reordered."""
        return not (self.lost or self.doubled or self.out_of_order)

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


def judge(promised: Sequence[str], stored: Sequence[str], received: Sequence[dict[str, Any]], **counts: int) -> Verdict:
    """Count what went wrong.

    Args:
        promised: Report ids, in the order in which ``Store.put`` returned.
        stored: Report ids in the store, in its order.
        received: The reports as the subscriber kept them, in the order of first arrival.
        counts: ``kills`` and the other counts of the verdict.
    """
    received_ids = [str(report["report_id"]) for report in received]
    lost = (set(promised) | set(stored)) - set(received_ids) | set(promised) - set(stored)
    doubled = sum(count - 1 for count in Counter(received_ids).values())
    subjects = {str(report["report_id"]): _subject(report) for report in received}
    doubled += sum(count - 1 for count in Counter(subjects.values()).values())
    place = {report_id: number for number, report_id in enumerate(stored)}
    newest, out_of_order = -1, 0
    for report_id in received_ids:
        number = place.get(report_id, newest)
        out_of_order += number < newest
        newest = max(newest, number)
    return Verdict(
        published=len(promised),
        received=len(set(received_ids)),
        lost=len(lost),
        doubled=doubled,
        out_of_order=out_of_order,
        **counts,
    )


def read_promised(path: Path) -> list[str]:
    """The ids that the service wrote down; it may have been killed within the last line."""
    if not path.exists():
        return []
    text = path.read_text("ascii")
    return text[: text.rfind("\n") + 1].split()


def read_stored(path: Path) -> tuple[list[str], int]:
    """The ids in the service's store in the order of ``put``, and how many of them wait in its outbox."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        stored = [row[0] for row in connection.execute("SELECT report_id FROM reports ORDER BY rowid")]
        (waiting,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
        return stored, waiting
    finally:
        connection.close()


def read_received(path: Path) -> list[dict[str, Any]]:
    """The reports that the subscriber kept, in order of first arrival."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return [json.loads(body) for (body,) in connection.execute("SELECT body FROM reports ORDER BY number")]
    finally:
        connection.close()


def _subject(report: dict[str, Any]) -> tuple[Any, ...]:
    """What a report is about; each run of the service has a source of its own."""
    of = report["frame"]["sequence"] if report["frame"] else report["clip"]["start"]
    return report["source"], report["scope"], of
