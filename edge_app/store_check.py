"""Look for damage in a store, also beside a running service."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from edge_app.errors import StoreDamaged
from edge_app.messages import Report
from edge_app.store_file import digest
from edge_app.store_reader import StoreReader

BATCH: Final = 500
PROBLEMS_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class StoreState:
    """What was found."""

    reports: int
    unsent: int
    refused: int
    size_bytes: int
    problems: tuple[str, ...]
    """At most ``PROBLEMS_TOLD``."""
    set_aside: tuple[str, ...]
    """Damaged files of earlier starts; ``edge-cad store repair`` carries over what can be read of them."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def check_store(path: Path) -> StoreState:
    """Check pages, indexes and references, and every report and picture against its SHA-256.

    Raises:
        StoreError: The file is not there or cannot be opened.
    """
    reader = StoreReader(path)
    try:
        problems: list[str] = []
        try:
            problems += [f"pages: {text}" for text in reader.integrity_problems(PROBLEMS_TOLD)]
            problems += _damaged_reports(reader)
            problems += [
                f"report {report_id}: {name} is not what was kept"
                for report_id, name, content, sha256 in reader.evidence_contents()
                if sha256 is not None and digest(content) != sha256
            ]
            counts = reader.counts()
        except StoreDamaged as error:
            return StoreState(0, 0, 0, path.stat().st_size, (*problems, str(error))[:PROBLEMS_TOLD], set_aside(path))
        told = tuple(problems[:PROBLEMS_TOLD])
        return StoreState(counts.reports, counts.unsent, counts.refused, counts.size_bytes, told, set_aside(path))
    finally:
        reader.close()


def set_aside_files(path: Path) -> list[Path]:
    """The damaged files beside a store, oldest first."""
    found = path.parent.glob(f"{path.name}.damaged-*")
    return sorted(file for file in found if not file.name.endswith(("-wal", "-shm", "-journal", ".head")))


def set_aside(path: Path) -> tuple[str, ...]:
    """Their names."""
    return tuple(file.name for file in set_aside_files(path))


def _damaged_reports(reader: StoreReader) -> list[str]:
    problems, after = [], 0
    while rows := reader.bodies(after, BATCH):
        for number, report_id, body, sha256 in rows:
            after = number
            if sha256 is not None and digest(body.encode()) != sha256:
                problems.append(f"report {report_id} is not what was kept")
                continue
            try:
                Report.from_json(body)
            except ValidationError:
                problems.append(f"report {report_id} does not follow its schema")
    return problems
