"""Who may use the page: local accounts with roles, and their sessions; one SQLite file, for this user alone."""

import contextlib
import hashlib
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from edge_app.errors import EdgeCadError, StoreUnavailable
from edge_app.message_corrections import Role
from edge_app.store_file import errors_of

HASHER: Final = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
"""Argon2id; more than the 19 MiB and 2 passes that OWASP's password storage cheat sheet (2024) asks at least."""
NOBODY: Final = HASHER.hash(secrets.token_hex())
"""Compared with where there is no such account, so that both take as long."""
TOUCH_S: Final = 60.0
"""The last use of a session is written at most so often."""
logger = logging.getLogger(__name__)
TABLES: Final = """
    CREATE TABLE IF NOT EXISTS accounts (
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL CHECK (role IN ('operator', 'technician')),
        password TEXT NOT NULL,     -- Argon2id
        created_at TEXT NOT NULL,
        last_login_at TEXT
    );
    CREATE TABLE IF NOT EXISTS sessions (
        token TEXT PRIMARY KEY,     -- SHA-256 of what the browser has
        name TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
        csrf_token TEXT NOT NULL,
        used_at TEXT NOT NULL
    );
"""


class AccountError(EdgeCadError):
    """An account cannot be made, changed or dropped; the text says why."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account."""

    name: str
    role: Role
    created_at: datetime
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    name: str
    role: Role
    csrf_token: str
    expires_at: datetime
    token_hash: str


class Accounts:
    """Accounts and sessions. Any thread may call any method.

    Args:
        path: The SQLite file; it is made if missing.
        session_s: A session ends so long after its last use.

    Raises:
        StoreError: The file cannot be used. So do all methods.
    """

    def __init__(self, path: Path, session_s: float) -> None:
        self._path, self._session = path, timedelta(seconds=session_s)
        self._lock = threading.Lock()
        self._unwritten: dict[str, tuple[str, str, datetime]] = {}
        """Sessions that could not be written (name, CSRF token, begun at), since the disk is full: somebody has to be
        able to see that it is."""
        with errors_of(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.executescript(TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def empty(self) -> bool:
        """Whether there is no account yet."""
        with self._reading() as connection:
            return connection.execute("SELECT 1 FROM accounts LIMIT 1").fetchone() is None

    def all(self) -> list[AccountRow]:
        """Every account, by name."""
        with self._reading() as connection:
            rows = connection.execute("SELECT name, role, created_at, last_login_at FROM accounts ORDER BY name")
            return [_account(row) for row in rows]

    def find(self, name: str) -> AccountRow | None:
        """One account, if there is one of that name."""
        return next((account for account in self.all() if account.name == name), None)

    def create_first(self, name: str, password: str) -> None:
        """Make the first account, a technician's.

        Raises:
            AccountError: There is one already.
        """
        hashed = HASHER.hash(password)
        with self._using() as connection:
            made = connection.execute(
                "INSERT INTO accounts (name, role, password, created_at) SELECT ?, 'technician', ?, ? "
                "WHERE NOT EXISTS (SELECT 1 FROM accounts)",
                (name, hashed, _now()),
            ).rowcount
        if not made:
            raise AccountError("the first account was made already: sign in with it")

    def create(self, name: str, password: str, role: Role) -> None:
        """Make an account.

        Raises:
            AccountError: The name is taken.
        """
        hashed = HASHER.hash(password)
        with self._using() as connection:
            made = connection.execute(
                "INSERT OR IGNORE INTO accounts (name, role, password, created_at) VALUES (?, ?, ?, ?)",
                (name, role, hashed, _now()),
            ).rowcount
        if not made:
            raise AccountError(f"there is an account {name} already: choose another name")

    def check(self, name: str, password: str) -> bool:
        """Whether that is the account's password; takes as long if there is no such account."""
        with self._reading() as connection:
            row = connection.execute("SELECT password FROM accounts WHERE name = ?", (name,)).fetchone()
        try:
            HASHER.verify(NOBODY if row is None else row[0], password)
        except (Argon2Error, InvalidHashError, UnicodeError):
            return False
        return row is not None

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password, and end its sessions."""
        hashed = HASHER.hash(password)
        with self._using() as connection:
            connection.execute("UPDATE accounts SET password = ? WHERE name = ?", (hashed, name))
            self._end_sessions(connection, name)

    def set_role(self, name: str, role: Role) -> None:
        """Give an account another role, and end its sessions.

        Raises:
            AccountError: It is the last technician.
        """
        with self._using() as connection:
            if role != "technician":
                _refuse_last_technician(connection, name)
            connection.execute("UPDATE accounts SET role = ? WHERE name = ?", (role, name))
            self._end_sessions(connection, name)

    def delete(self, name: str) -> None:
        """Drop an account and its sessions.

        Raises:
            AccountError: It is the last technician.
        """
        with self._using() as connection:
            _refuse_last_technician(connection, name)
            self._end_sessions(connection, name)
            connection.execute("DELETE FROM accounts WHERE name = ?", (name,))

    def sign_in(self, name: str) -> tuple[str, Session]:
        """Begin a session; returns what the browser keeps, and the session."""
        token, csrf_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        try:
            with self._using() as connection:
                connection.execute("DELETE FROM sessions WHERE used_at < ?", ((now - self._session).isoformat(),))
                connection.execute("UPDATE accounts SET last_login_at = ? WHERE name = ?", (now.isoformat(), name))
                connection.execute(
                    "INSERT INTO sessions VALUES (?, ?, ?, ?)", (_digest(token), name, csrf_token, now.isoformat())
                )
        except StoreUnavailable as error:
            logger.warning("a session is kept in memory alone: %s", error)
            self._unwritten[_digest(token)] = (name, csrf_token, now)
        session = self.session(token)
        assert session is not None
        return token, session

    def session(self, token: str) -> Session | None:
        """Whose session that is; None if there is none, or it was not used for too long."""
        now, hashed = datetime.now(UTC), _digest(token)
        if hashed in self._unwritten:
            name, csrf_token, used_at = self._unwritten[hashed]
            account = self.find(name)
            row = None if account is None else (name, account.role, csrf_token, used_at.isoformat())
        else:
            with self._reading() as connection:
                row = connection.execute(
                    "SELECT name, role, csrf_token, used_at FROM sessions JOIN accounts USING (name) WHERE token = ?",
                    (hashed,),
                ).fetchone()
        # A clock that is set back must not make a session last for ever, nor end it at once.
        if row is None or not -self._session < now - datetime.fromisoformat(row[3]) < self._session:
            return None
        if abs((now - datetime.fromisoformat(row[3])).total_seconds()) > TOUCH_S:
            self._touch(hashed, now)
        return Session(row[0], row[1], row[2], now + self._session, hashed)

    def _touch(self, hashed: str, now: datetime) -> None:
        """Remember that a session was used."""
        if hashed in self._unwritten:
            self._unwritten[hashed] = (*self._unwritten[hashed][:2], now)
            return
        with contextlib.suppress(StoreUnavailable), self._using() as connection:
            connection.execute("UPDATE sessions SET used_at = ? WHERE token = ?", (now.isoformat(), hashed))

    def sign_out(self, session: Session) -> None:
        """End a session."""
        self._unwritten.pop(session.token_hash, None)
        with self._using() as connection:
            connection.execute("DELETE FROM sessions WHERE token = ?", (session.token_hash,))

    def _end_sessions(self, connection: sqlite3.Connection, name: str) -> None:
        connection.execute("DELETE FROM sessions WHERE name = ?", (name,))
        self._unwritten = {hashed: kept for hashed, kept in self._unwritten.items() if kept[0] != name}

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, errors_of(self._path):
            yield self._connection

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock, errors_of(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _refuse_last_technician(connection: sqlite3.Connection, name: str) -> None:
    others = connection.execute("SELECT 1 FROM accounts WHERE role = 'technician' AND name <> ?", (name,)).fetchone()
    if others is None:
        raise AccountError(f"{name} is the last technician: make another one first")


def _account(row: tuple[str, Role, str, str | None]) -> AccountRow:
    return AccountRow(
        row[0], row[1], datetime.fromisoformat(row[2]), None if row[3] is None else datetime.fromisoformat(row[3])
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat()
