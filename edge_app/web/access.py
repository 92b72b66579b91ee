"""Who asks: session cookies, and proof that a request comes from the page itself."""

import secrets

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from edge_app.web.accounts import Session
from edge_app.web.desk import Desk
from edge_app.web.problems import ApiError

CSRF_HEADER = "x-csrf-token"


def cookie_name(secure: bool) -> str:
    """With ``__Host-`` the browser takes it from this very host by https alone."""
    return "__Host-edge_cad_session" if secure else "edge_cad_session"


async def find_session(desk: Desk, request: Request) -> Session | None:
    """Whose request this is."""
    token = request.cookies.get(cookie_name(desk.settings.secure))
    return await run_in_threadpool(desk.accounts.session, token) if token and len(token) < 200 else None


def set_cookie(desk: Desk, response: Response, token: str) -> None:
    """Have the browser keep a session."""
    secure = desk.settings.secure
    response.set_cookie(
        cookie_name(secure),
        token,
        max_age=round(desk.settings.session_s),
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def drop_cookie(desk: Desk, response: Response) -> None:
    """Have the browser forget a session."""
    secure = desk.settings.secure
    response.delete_cookie(cookie_name(secure), path="/", secure=secure, httponly=True, samesite="strict")


def check_csrf(request: Request, session: Session | None) -> None:
    """See that the page itself sent a request: others cannot read its token.

    Raises:
        ApiError: They may have.
    """
    given = request.headers.get(CSRF_HEADER, "")
    if session is not None and not secrets.compare_digest(given.encode(), session.csrf_token.encode()):
        raise ApiError(403, "csrf", "send csrf_token of /api/session as X-CSRF-Token")


def same_origin(request: Request, secure: bool) -> None:
    """See that a request which changes something does not come from another site's page.

    Raises:
        ApiError: It does.
    """
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    if origin is not None and origin != f"{'https' if secure else 'http'}://{host}":
        raise ApiError(403, "csrf", "this comes from another site")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ApiError(403, "csrf", "this comes from another site")
