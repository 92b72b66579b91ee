import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_app.errors import StoreError
from edge_app.web.accounts import AccountError, Accounts

PASSWORD = "gel and gloves"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.sqlite3"


@pytest.fixture
def accounts(path: Path) -> Iterator[Accounts]:
    accounts = Accounts(path, 3600)
    yield accounts
    accounts.close()


def test_first_account_is_a_technician_and_there_is_only_one_first(accounts: Accounts) -> None:
    assert accounts.empty()
    accounts.create_first("tess", PASSWORD)
    assert not accounts.empty()
    assert [(account.name, account.role) for account in accounts.all()] == [("tess", "technician")]
    with pytest.raises(AccountError):
        accounts.create_first("mallory", PASSWORD)


def test_passwords_are_checked_and_kept_as_argon2id_alone(accounts: Accounts, path: Path) -> None:
    accounts.create("anna", PASSWORD, "operator")
    assert accounts.check("anna", PASSWORD)
    assert not accounts.check("anna", PASSWORD + " ")
    assert not accounts.check("nobody", PASSWORD)
    (kept,) = sqlite3.connect(path).execute("SELECT password FROM accounts").fetchone()
    assert kept.startswith("$argon2id$")
    assert PASSWORD.encode() not in path.read_bytes()


def test_passwords_that_are_no_unicode_are_wrong(accounts: Accounts) -> None:
    accounts.create("anna", PASSWORD, "operator")
    assert not accounts.check("anna", "\ud800")


def test_file_is_for_this_user_alone(accounts: Accounts, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_sessions_end_with_signing_out_and_are_kept_as_hashes(accounts: Accounts, path: Path) -> None:
    accounts.create("anna", PASSWORD, "operator")
    token, session = accounts.sign_in("anna")
    assert (session.name, session.role) == ("anna", "operator")
    assert accounts.session(token) is not None
    assert accounts.session(token[:-1] + "?") is None
    assert token.encode() not in path.read_bytes()
    accounts.sign_out(session)
    assert accounts.session(token) is None


def test_sessions_outlive_the_process(path: Path) -> None:
    before = Accounts(path, 3600)
    before.create("anna", PASSWORD, "operator")
    token, _ = before.sign_in("anna")
    before.close()
    after = Accounts(path, 3600)
    assert after.session(token) is not None
    after.close()


@pytest.mark.parametrize("used_at", ["2000-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"])
def test_sessions_end_when_not_used_or_when_the_clock_jumped(accounts: Accounts, path: Path, used_at: str) -> None:
    accounts.create("anna", PASSWORD, "operator")
    token, _ = accounts.sign_in("anna")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE sessions SET used_at = ?", (used_at,))
    assert accounts.session(token) is None


def test_a_full_disk_keeps_nobody_out(accounts: Accounts) -> None:
    accounts.create("anna", PASSWORD, "operator")
    accounts.create("tess", PASSWORD, "technician")
    (pages,) = accounts._connection.execute("PRAGMA page_count").fetchone()
    accounts._connection.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(500):
        token, _ = accounts.sign_in("anna")
        if accounts._unwritten:
            break
    assert accounts._unwritten
    found = accounts.session(token)
    assert found is not None and found.name == "anna" and found.role == "operator"
    accounts.sign_out(found)
    assert accounts.session(token) is None
    token, _ = accounts.sign_in("anna")
    accounts.delete("anna")
    assert accounts.session(token) is None


def test_changes_of_an_account_end_its_sessions(accounts: Accounts) -> None:
    accounts.create_first("tess", PASSWORD)
    accounts.create("anna", PASSWORD, "operator")
    for change in (
        lambda: accounts.set_role("anna", "technician"),
        lambda: accounts.set_password("anna", PASSWORD),
        lambda: accounts.delete("anna"),
    ):
        token, _ = accounts.sign_in("anna")
        change()
        assert accounts.session(token) is None


def test_there_is_always_a_technician(accounts: Accounts) -> None:
    accounts.create_first("tess", PASSWORD)
    accounts.create("anna", PASSWORD, "operator")
    with pytest.raises(AccountError):
        accounts.delete("tess")
    with pytest.raises(AccountError):
        accounts.set_role("tess", "operator")
    accounts.set_role("anna", "technician")
    accounts.delete("tess")
    assert [account.name for account in accounts.all()] == ["anna"]


def test_names_are_taken_once(accounts: Accounts) -> None:
    accounts.create("anna", PASSWORD, "operator")
    with pytest.raises(AccountError):
        accounts.create("anna", "another password", "technician")
    assert accounts.check("anna", PASSWORD)


def test_a_file_that_is_none_is_told(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError):
        Accounts(path, 3600)
