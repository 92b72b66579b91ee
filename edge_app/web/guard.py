"""What every request has to pass, and what every answer bears, whatever it is about."""

import logging
import socket
import time
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.types import Message, Receive, Scope, Send

from edge_app.web.problems import ApiError, problem_response

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
}
TRANSPORT_SECURITY: Final = "max-age=31536000"
LOGGED_EVERY_S: Final = 1.0
"""Refusals are logged at most so often: a flood must not fill the disk."""
SHOWN_CHARACTERS: Final = 120

logger = logging.getLogger(__name__)


class Guard:
    """Refuses requests to other hosts and paths that try to leave the page's files; adds the security headers.

    Args:
        app: What is guarded.
        host: Where the page listens.
        allowed_hosts: Names that people call it by, beside this machine's.
        secure: It is served by https.
    """

    def __init__(self, app: Starlette, host: str, allowed_hosts: Iterable[str], secure: bool) -> None:
        self._app = app
        self.state: State = app.state
        name = socket.gethostname().lower()
        short = name.split(".")[0]
        own = {"localhost", "127.0.0.1", "::1", host.lower(), name, short, f"{short}.local"}
        self._hosts = own | {allowed.lower() for allowed in allowed_hosts}
        headers = HEADERS | ({"strict-transport-security": TRANSPORT_SECURITY} if secure else {})
        self._headers = [(key.encode(), value.encode()) for key, value in headers.items()]
        self._next_log_s, self._unlogged = 0.0, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_static = scope["path"].startswith("/static/")

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *self._headers]
                if not is_static and not any(key == b"cache-control" for key, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        if problem := self._problem(scope):
            await problem_response(problem)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)

    def _problem(self, scope: Scope) -> ApiError | None:
        if not self._is_own(_host_of(scope), scope.get("server")):
            self._log("a request to another host", scope)
            return ApiError(421, "wrong_host", "this page does not go by that name: see web.allowed_hosts")
        raw = scope.get("raw_path", b"").decode("latin-1")
        if leaves(raw):
            self._log(f"a path that leaves the page: {raw[:SHOWN_CHARACTERS]!r}", scope)
            return ApiError(400, "bad_request", "there is no such path")
        return None

    def _is_own(self, name: str | None, server: object) -> bool:
        if name is None:
            return False
        address = server[0] if isinstance(server, tuple | list) and server else None
        return name in self._hosts or (name == address and _is_address(name))

    def _log(self, what: str, scope: Scope) -> None:
        now = time.monotonic()
        if now < self._next_log_s:
            self._unlogged += 1
            return
        more = f" ({self._unlogged} more since)" if self._unlogged else ""
        self._next_log_s, self._unlogged = now + LOGGED_EVERY_S, 0
        logger.warning("refused from %s: %s%s", (scope.get("client") or ("?",))[0], what, more)


def leaves(raw_path: str) -> bool:
    """Whether a path, however it is encoded, has a part that leads upwards, or characters that no path here has."""
    path = raw_path
    for _ in range(4):
        if ".." in path.replace("\\", "/").split("/") or any(ord(letter) < 32 or letter == "\\" for letter in path):
            return True
        decoded = unquote(path)
        if decoded == path:
            return "//" in path
        path = decoded
    return True


def _host_of(scope: Scope) -> str | None:
    """The name of the Host header, without the port; None if there is not exactly one."""
    hosts = [value.decode("latin-1") for key, value in scope["headers"] if key == b"host"]
    if len(hosts) != 1:
        return None
    name: str = hosts[0].strip().lower()
    if name.startswith("["):
        return name[1:].split("]")[0]
    return name.rsplit(":", 1)[0] if ":" in name else name


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
