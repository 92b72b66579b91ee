"""Open the store's SQLite file: hold it alone, check it, set a damaged one aside, bring it to the newest version."""

import errno
import fcntl
import hashlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge_app.errors import StoreDamaged, StoreError, StoreFull, StoreUnavailable

BUSY_TIMEOUT_S: Final = 10.0

MIGRATIONS: Final = (
    """
    CREATE TABLE reports (
        report_id TEXT PRIMARY KEY,
        device_id TEXT NOT NULL,
        category TEXT NOT NULL,     -- last level of the topic
        created_at TEXT NOT NULL,   -- UTC, always with microseconds, so that text order is time order
        body TEXT NOT NULL          -- JSON, byte for byte as it is published
    );
    CREATE INDEX reports_by_time ON reports (created_at);
    CREATE TABLE evidence (
        report_id TEXT NOT NULL REFERENCES reports ON DELETE CASCADE,
        name TEXT NOT NULL,
        media_type TEXT NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (report_id, name)
    );
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of sending
        report_id TEXT NOT NULL UNIQUE REFERENCES reports ON DELETE CASCADE,
        refusal TEXT                -- why the broker will not take it; NULL: waits to be sent
    );
    CREATE INDEX outbox_waiting ON outbox (id) WHERE refusal IS NULL;
    """,
    """
    -- SQLite's pages have no checksum: these find a flipped bit. NULL: kept by an earlier version.
    ALTER TABLE reports ADD COLUMN sha256 TEXT;   -- of body
    ALTER TABLE evidence ADD COLUMN sha256 TEXT;  -- of content
    """,
    """
    CREATE TABLE amendments (       -- boots with reports whose time was not trusted
        boot_id TEXT PRIMARY KEY,
        body TEXT,                  -- JSON; NULL: the clock was not set yet
        delivered INTEGER NOT NULL DEFAULT 0
    );
    """,
    """
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        entry TEXT NOT NULL,        -- JSON; bears the hash of the entry before
        hash TEXT NOT NULL          -- SHA-256 of entry
    );
    CREATE INDEX audit_by_kind ON audit (kind, number) WHERE kind <> 'report';
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    """,
    """
    CREATE TABLE opinions (         -- whether a person agrees with a finding; the last word of each account
        opinion_id TEXT PRIMARY KEY,
        report_id TEXT NOT NULL REFERENCES reports ON DELETE CASCADE,
        module TEXT NOT NULL,
        feature TEXT NOT NULL,
        opinion TEXT NOT NULL,
        account TEXT NOT NULL,
        at TEXT NOT NULL,
        UNIQUE (report_id, module, feature, account)
    );
    CREATE TABLE amended (          -- reports that replace another one
        by_report_id TEXT PRIMARY KEY REFERENCES reports ON DELETE CASCADE,
        report_id TEXT NOT NULL     -- the replaced one, which may be gone
    );
    CREATE INDEX amended_reports ON amended (report_id);
    CREATE INDEX reports_by_category ON reports (category, created_at);
    """,
    """
    ALTER TABLE evidence ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;  -- 1: content is encrypted; sha256 is of that
    """,
    """
    CREATE TABLE outbox_by_destination (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of sending
        report_id TEXT NOT NULL REFERENCES reports ON DELETE CASCADE,
        destination TEXT NOT NULL DEFAULT '',  -- a broker's name; '': that of [mqtt] itself
        urgent INTEGER NOT NULL DEFAULT 0,     -- 1: a person asked for this report
        refusal TEXT,               -- why the broker will not take it; NULL: waits to be sent
        UNIQUE (report_id, destination)
    );
    INSERT INTO outbox_by_destination (id, report_id, refusal) SELECT id, report_id, refusal FROM outbox;
    DELETE FROM sqlite_sequence WHERE name = 'outbox_by_destination';
    INSERT INTO sqlite_sequence SELECT 'outbox_by_destination', seq FROM sqlite_sequence WHERE name = 'outbox';
    DROP TABLE outbox;
    ALTER TABLE outbox_by_destination RENAME TO outbox;
    CREATE INDEX outbox_waiting ON outbox (destination, id) WHERE refusal IS NULL;
    CREATE INDEX outbox_urgent ON outbox (destination, id) WHERE refusal IS NULL AND urgent;
    CREATE TABLE amendment_deliveries (  -- which broker has which amendment
        boot_id TEXT NOT NULL REFERENCES amendments ON DELETE CASCADE,
        destination TEXT NOT NULL,
        PRIMARY KEY (boot_id, destination)
    );
    INSERT INTO amendment_deliveries SELECT boot_id, '' FROM amendments WHERE delivered;
    ALTER TABLE amendments DROP COLUMN delivered;
    """,
)
"""Each brings the file from version n to n + 1 (``PRAGMA user_version``); written ones are never changed."""

WAY_OUT: Final = {
    sqlite3.SQLITE_FULL: "the disk is full: make room",
    sqlite3.SQLITE_READONLY: "it or its folder is read-only: mount it writable and give this user write permission",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: create its folder and give this user write permission there",
    sqlite3.SQLITE_IOERR: "the disk failed or is full: check it with dmesg and df",
    sqlite3.SQLITE_BUSY: "another program keeps it locked: close that program",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: start again, and it is set aside",
    sqlite3.SQLITE_NOTADB: "the file is not a database: start again, and it is set aside",
}
DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
UNAVAILABLE: Final = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY)
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)

logger = logging.getLogger(__name__)


def open_checked(path: Path, damaged: bool = False) -> tuple[sqlite3.Connection, Path | None]:
    """A connection to the file at the newest version, and where a damaged file went, if it was one.

    Args:
        path: Of the file.
        damaged: It is known to be, and is set aside in any case.

    Raises:
        StoreError: The file cannot be used.
    """
    set_aside = None
    with errors_of(path):
        if damaged:
            set_aside = _set_aside(path, "its contents are not what was kept")
        try:
            connection = _connect_checked(path)
        except sqlite3.DatabaseError as error:
            if _code(error) not in DAMAGED:
                raise
            set_aside = _set_aside(path, str(error))
            connection = _connect_checked(path)
        try:
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection, set_aside


def _connect_checked(path: Path) -> sqlite3.Connection:
    if not path.exists():
        path.touch(mode=0o600)  # reports are for this user alone
    connection = connect(path)
    try:
        (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if result != "ok":
            error = sqlite3.DatabaseError(result)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
    except BaseException:
        connection.close()
        raise
    return connection


def _set_aside(path: Path, reason: str) -> Path:
    set_aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    for suffix in ("", "-wal", "-shm", ".head"):
        part = Path(f"{path}{suffix}")
        if part.exists():
            part.rename(f"{set_aside}{suffix}")
    logger.error(
        "%s is damaged (%s): set aside as %s with what was not sent; a new one is begun", path, reason, set_aside
    )
    return set_aside


def connect(path: Path) -> sqlite3.Connection:
    """One more connection to the file, for use under a lock from any thread."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a report that was kept survives a power cut
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, to a file at the newest version, for use under a lock from any thread.

    Raises:
        StoreError: There is no such file, or it cannot be read.
    """
    with errors_of(path):
        if not path.is_file():
            raise StoreError(f"{path}: there is no store yet: correct store.path, or run the service first")
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", BUSY_TIMEOUT_S, 0, None, check_same_thread=False, uri=True
        )
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            _refuse_newer(version, path)
            if version < len(MIGRATIONS):
                raise StoreError(f"{path}: made by an older edge-cad: run the service once to bring it up to date")
        except BaseException:
            connection.close()
            raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    _refuse_newer(version, path)
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _refuse_newer(version: int, path: Path) -> None:
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path}: made by a newer edge-cad (version {version}, this one knows {len(MIGRATIONS)}): "
            "install the newer edge-cad, or choose another store.path"
        )


def lock(path: Path) -> int:
    """Hold ``<path>.lock``, so that two services never send from one outbox; the kernel frees it at any death."""
    lock_path = Path(f"{path}.lock")
    with errors_of(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock_file = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock_file)
        raise StoreError(f"{path}: another edge-cad uses it: stop that one, or choose another store.path") from error
    return lock_file


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system into ``StoreError`` with the way out."""
    try:
        yield
    except sqlite3.Error as error:
        raise _kind(_code(error))(f"{path}: {WAY_OUT.get(_code(error), 'cannot be used')} ({error})") from error
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StoreFull(f"{path}: {WAY_OUT[sqlite3.SQLITE_FULL]} ({error.strerror})") from error
        raise StoreUnavailable(
            f"{path}: {error.strerror} ({error.filename}): give this user write permission there, or change store.path"
        ) from error


def _kind(code: int) -> type[StoreError]:
    if code == sqlite3.SQLITE_FULL:
        return StoreFull
    return StoreUnavailable if code in UNAVAILABLE else StoreDamaged if code in DAMAGED else StoreError
