"""The page's program: routes, background work, and the server that runs them."""

import asyncio
import contextlib
import json
import logging
import secrets
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge_app.config import Config
from edge_app.web import live_api, people_api, reports_api
from edge_app.web.access import cookie_name, find_session
from edge_app.web.config_listing import config_listing
from edge_app.web.desk import Desk
from edge_app.web.guard import Guard
from edge_app.web.health_history import HealthRing
from edge_app.web.metrics import CONTENT_TYPE, metrics_text
from edge_app.web.openapi import openapi_document
from edge_app.web.operations import Call, Operation, route_of
from edge_app.web.patience import PatientProtocol
from edge_app.web.problems import ApiError, not_found, problem_response
from edge_app.web.settings import PageSettings
from edge_app.web.shapes import ConfigListing
from edge_app.web.static_files import static_response
from edge_app.web.stream import Stream

TECHNICIANS_PAGES: Final = ("/settings", "/people")
PAGES: Final = ("/", "/live", "/history", "/history/{report_id}", "/health", *TECHNICIANS_PAGES)
CONNECTIONS_MOST: Final = 256
"""More at once are told that the page is busy."""
GOODBYE_S: Final = 1.5
"""Open answers get so long to end."""

logger = logging.getLogger(__name__)


async def _get_config(call: Call) -> ConfigListing:
    """The configuration with what each key means."""
    return call.request.app.state.config_listing  # type: ignore[no-any-return]


OPERATIONS: Final = (
    *people_api.OPERATIONS,
    *live_api.OPERATIONS,
    *reports_api.OPERATIONS,
    Operation("GET", "/api/config", "The configuration", _get_config, "technician", answer=ConfigListing),
)


def make_app(desk: Desk, config: Config) -> Guard:
    """The whole page, guarded."""
    settings = desk.settings
    document = json.dumps(
        openapi_document(OPERATIONS, settings.status.software.removeprefix("edge-cad "), cookie_name(settings.secure))
    )

    async def openapi(request: Request) -> Response:
        return Response(document, media_type="application/json")

    async def page(request: Request) -> Response:
        status = 200
        if request.url.path in TECHNICIANS_PAGES:
            session = await find_session(desk, request)
            status = 403 if session is not None and session.role != "technician" else 200
        return static_response(request, "index.html", status)

    async def print_page(request: Request) -> Response:
        return static_response(request, "print.html")

    async def static(request: Request) -> Response:
        return static_response(request, request.path_params["name"])

    async def favicon(request: Request) -> Response:
        return static_response(request, "favicon.svg")

    async def metrics(request: Request) -> Response:
        if not await _may_read_metrics(desk, request):
            return problem_response(ApiError(401, "not_logged_in", "give the token of web.metrics_token_file"))
        return Response(metrics_text(desk, await run_in_threadpool(desk.live_state)), media_type=CONTENT_TYPE)

    async def nothing(request: Request, error: Exception) -> Response:
        return problem_response(not_found("page"))

    async def not_so(request: Request, error: Exception) -> Response:
        allowed = getattr(error, "headers", None) or {}
        return problem_response(ApiError(405, "method_not_allowed", "this cannot be done here", headers=dict(allowed)))

    app = Starlette(
        routes=[
            *(route_of(operation, desk) for operation in OPERATIONS),
            Route("/api/openapi.json", openapi),
            Route("/metrics", metrics),
            *(Route(path, page) for path in PAGES),
            Route("/print/{report_id}", print_page),
            Route("/static/{name:path}", static),
            Route("/favicon.ico", favicon),
        ],
        exception_handlers={404: nothing, 405: not_so},
    )
    app.router.redirect_slashes = False
    app.state.stream = Stream(desk)
    app.state.history = HealthRing(desk)
    app.state.config_listing = config_listing(config)
    return Guard(app, settings.host, settings.allowed_hosts, settings.secure)


class _Server(uvicorn.Server):
    """Ends at SIGTERM as soon as its open answers have been told."""

    def __init__(self, config: uvicorn.Config, asked_to_end: Callable[[], object]) -> None:
        super().__init__(config)
        self._asked_to_end = asked_to_end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called with the signal, in place of ending at once."""
        if sig != signal.SIGINT:  # Ctrl-C is for the service, which ends this process
            self._asked_to_end()


async def serve(desk: Desk, app: Guard, listener: socket.socket, url: str) -> None:
    """Serve until the service ends or a signal comes."""
    settings = desk.settings
    asked_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            http=PatientProtocol,
            loop="asyncio",
            limit_concurrency=CONNECTIONS_MOST,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=2,
            ssl_certfile=settings.certificate_file,
            ssl_keyfile=settings.key_file,
        ),
        lambda: loop.call_soon_threadsafe(asked_to_end.set),
    )
    port = listener.getsockname()[1]
    link = asyncio.create_task(desk.link.run())
    history = asyncio.create_task(app.state.history.run())
    desk.link.send({"kind": "listening", "url": url, "port": port, "setup_code": desk.setup_code})
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    ended, asked = asyncio.create_task(desk.link.ended.wait()), asyncio.create_task(asked_to_end.wait())
    try:
        await asyncio.wait((serving, ended, asked), return_when=asyncio.FIRST_COMPLETED)
        if desk.link.ended.is_set() and not asked_to_end.is_set():
            await asyncio.sleep(GOODBYE_S)  # those who listen are told that the service has ended
    finally:
        desk.stopping.set()
        app.state.stream.wake()
        server.should_exit = True
        for task in (link, history, ended, asked):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def new_setup_code() -> str:
    """What somebody at the box reads in the log: eight digits."""
    digits = f"{secrets.randbelow(10**8):08d}"
    return f"{digits[:4]}-{digits[4:]}"


def listen_at(host: str, port: int) -> socket.socket:
    """The socket that the page listens at.

    Raises:
        OSError: The address is not this machine's, or is taken.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


async def _may_read_metrics(desk: Desk, request: Request) -> bool:
    """A technician, who has the token, or, without a token, this machine."""
    token = desk.settings.metrics_token
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token is not None and secrets.compare_digest(given.encode(), token.encode()):
        return True
    address = request.client.host if request.client else ""
    if token is None and address in ("127.0.0.1", "::1"):
        return True
    session = await find_session(desk, request)
    return session is not None and session.role == "technician"


def page_url(settings: PageSettings, port: int) -> str:
    """Where a person opens the page."""
    host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(settings.host, settings.host)
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.secure else 'http'}://{shown}:{port}/"
