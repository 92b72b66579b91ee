"""Setup, sign in and out, and the accounts."""

import logging
import secrets
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from edge_app.messages import DISCLAIMER
from edge_app.web.access import drop_cookie, set_cookie
from edge_app.web.accounts import AccountError, AccountRow, Session
from edge_app.web.desk import Desk
from edge_app.web.operations import Call, Operation
from edge_app.web.people_shapes import (
    Account,
    AccountChange,
    AccountInfo,
    AccountList,
    Login,
    NewAccount,
    PasswordChange,
    SessionInfo,
    Setup,
)
from edge_app.web.problems import ApiError, conflict, not_found, too_many
from edge_app.web.service_link import NoAnswer

HASHES_WAITING_MOST: Final = 8
NAME_PATTERN: Final = r"^[a-z][a-z0-9._-]{0,31}$"

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


def session_info(desk: Desk, session: Session | None) -> SessionInfo:
    """Whether somebody is signed in, and who."""
    status = desk.settings.status
    return SessionInfo(
        setup_needed=bool(desk.setup_code),
        account=None if session is None else AccountInfo(name=session.name, role=session.role),
        csrf_token=None if session is None else session.csrf_token,
        expires_at=None if session is None else session.expires_at,
        device_id=status.device_id,
        software=status.software,
        disclaimer=DISCLAIMER,
    )


async def get_session(call: Call) -> BaseModel:
    """Who is signed in."""
    return session_info(call.desk, call.session)


async def set_up(call: Call) -> Response:
    """Make the first account."""
    desk, given = call.desk, call.body
    if not desk.setup_code:
        raise conflict("the first account was made already: sign in with it")
    keys = (f"address {_address(call)}", "setup")
    _check_wait(desk, keys)
    desk.throttle.failed(*keys)
    if not secrets.compare_digest(given.code.strip().encode(), desk.setup_code.encode()):
        logger.warning("a wrong setup code from %s", _address(call))
        raise ApiError(403, "forbidden", "that is not the setup code: the log of the service names it")
    try:
        await _hashing(desk, desk.accounts.create_first, given.name, given.password)
    except AccountError as error:
        raise conflict(str(error)) from error
    desk.setup_code = ""
    desk.throttle.succeeded(*keys)
    await audit(desk, {"action": "setup", "account": given.name})
    return await _signed_in(desk, given.name, 201)


async def log_in(call: Call) -> Response:
    """Sign in."""
    desk, name = call.desk, call.body.name.strip().lower()
    keys = (f"address {_address(call)}", f"account {name}")
    _check_wait(desk, keys)
    desk.throttle.failed(*keys)  # before the check: tries at the same time count too
    if not await _hashing(desk, desk.accounts.check, name, call.body.password):
        known = await run_in_threadpool(desk.accounts.find, name)
        # What was typed as a name may be a password: only names of accounts are logged.
        logger.warning("a wrong password from %s for %s", _address(call), known.name if known else "an unknown name")
        raise ApiError(401, "not_logged_in", "name or password is wrong")
    desk.throttle.succeeded(*keys)
    await audit(desk, {"action": "login", "account": name})
    return await _signed_in(desk, name, 200)


async def log_out(call: Call) -> Response:
    """Sign out."""
    await run_in_threadpool(call.desk.accounts.sign_out, call.who)
    response = Response(status_code=204)
    drop_cookie(call.desk, response)
    return response


async def change_password(call: Call) -> Response:
    """Give the own account another password; other browsers are signed out."""
    desk, who = call.desk, call.who
    keys = (f"address {_address(call)}", f"account {who.name}")
    _check_wait(desk, keys)
    desk.throttle.failed(*keys)
    if not await _hashing(desk, desk.accounts.check, who.name, call.body.old_password):
        raise ApiError(403, "forbidden", "that is not the old password")
    desk.throttle.succeeded(*keys)
    await _hashing(desk, desk.accounts.set_password, who.name, call.body.new_password)
    await audit(desk, {"action": "password", "account": who.name})
    return await _signed_in(desk, who.name, 200)


async def list_accounts(call: Call) -> BaseModel:
    """Everybody who may use the page."""
    rows = await run_in_threadpool(call.desk.accounts.all)
    return AccountList(accounts=tuple(_shape(row) for row in rows))


async def create_account(call: Call) -> BaseModel:
    """Make an account."""
    desk, given = call.desk, call.body
    try:
        await _hashing(desk, desk.accounts.create, given.name, given.password, given.role)
    except AccountError as error:
        raise conflict(str(error)) from error
    await audit(desk, {"action": "create_account", "account": call.who.name, "other": given.name, "role": given.role})
    return _shape(await _account(desk, given.name))


async def change_account(call: Call) -> BaseModel:
    """Give an account another role or password, and end its sessions."""
    desk, name, change = call.desk, call.path("name"), call.body
    await _account(desk, name)
    try:
        if change.role is not None:
            await run_in_threadpool(desk.accounts.set_role, name, change.role)
        if change.password is not None:
            await _hashing(desk, desk.accounts.set_password, name, change.password)
    except AccountError as error:
        raise conflict(str(error)) from error
    changed = ", ".join(key for key in ("role", "password") if getattr(change, key) is not None)
    await audit(desk, {"action": "change_account", "account": call.who.name, "other": name, "changed": changed})
    return _shape(await _account(desk, name))


async def delete_account(call: Call) -> Response:
    """Drop an account."""
    desk, name = call.desk, call.path("name")
    await _account(desk, name)
    if name == call.who.name:
        raise conflict("nobody can drop the own account")
    try:
        await run_in_threadpool(desk.accounts.delete, name)
    except AccountError as error:
        raise conflict(str(error)) from error
    await audit(desk, {"action": "delete_account", "account": call.who.name, "other": name})
    return Response(status_code=204)


async def audit(desk: Desk, details: dict[str, str | int]) -> None:
    """Have the service write into its audit log; where it does not answer, the page's log says it instead."""
    try:
        await desk.link.ask("audit", "", "", details=details)
    except NoAnswer:
        logger.warning("not in the audit log, since the service does not answer: %s", details)


async def _account(desk: Desk, name: str) -> AccountRow:
    found = await run_in_threadpool(desk.accounts.find, name)
    if found is None:
        raise not_found("account")
    return found


async def _signed_in(desk: Desk, name: str, status: int) -> Response:
    token, session = await run_in_threadpool(desk.accounts.sign_in, name)
    content = session_info(desk, session).model_dump_json()
    response = Response(content, status, media_type="application/json")
    set_cookie(desk, response, token)
    return response


async def _hashing(desk: Desk, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Do something with passwords, one at a time, while few wait."""
    if desk.hashing_waiting >= HASHES_WAITING_MOST:
        raise too_many("many sign in just now: try again in a moment")
    desk.hashing_waiting += 1
    try:
        async with desk.hashing:
            return await run_in_threadpool(work, *arguments, **named)
    finally:
        desk.hashing_waiting -= 1


def _check_wait(desk: Desk, keys: tuple[str, ...]) -> None:
    if (wait_s := desk.throttle.wait_s(*keys)) > 0:
        raise too_many(f"too many wrong tries: wait {wait_s:.0f} seconds", wait_s)


def _address(call: Call) -> str:
    return call.request.client.host if call.request.client else "?"


def _shape(row: AccountRow) -> Account:
    return Account(name=row.name, role=row.role, created_at=row.created_at, last_login_at=row.last_login_at)


NAMED: Final = (("name", NAME_PATTERN),)
OPERATIONS: Final = (
    Operation("GET", "/api/session", "Who is signed in", get_session, "anybody", answer=SessionInfo),
    Operation(
        "POST", "/api/setup", "Make the first account", set_up, "anybody",
        body=Setup, answer=SessionInfo, status=201, errors=(409, 429), csrf=False,
    ),
    Operation(
        "POST", "/api/login", "Sign in", log_in, "anybody",
        body=Login, answer=SessionInfo, errors=(401, 429), csrf=False,
    ),
    Operation("POST", "/api/logout", "Sign out", log_out, status=204),
    Operation(
        "POST", "/api/password", "Change the own password", change_password,
        body=PasswordChange, answer=SessionInfo, errors=(429,),
    ),
    Operation("GET", "/api/accounts", "All accounts", list_accounts, "technician", answer=AccountList),
    Operation(
        "POST", "/api/accounts", "Make an account", create_account, "technician",
        body=NewAccount, answer=Account, status=201, errors=(409, 429),
    ),
    Operation(
        "PUT", "/api/accounts/{name}", "Change an account", change_account, "technician",
        body=AccountChange, answer=Account, errors=(404, 409, 429), path_patterns=NAMED,
    ),
    Operation(
        "DELETE", "/api/accounts/{name}", "Drop an account", delete_account, "technician",
        status=204, errors=(404, 409), path_patterns=NAMED,
    ),
)  # fmt: skip
