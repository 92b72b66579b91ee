"""The page's process: ``python -m edge_app.web LINK PICTURES``, two descriptors that the service hands over."""

import asyncio
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Final

import cv2

from edge_app.config import Config
from edge_app.errors import EdgeCadError
from edge_app.messages import Status
from edge_app.page_link import Line, LineReader
from edge_app.picture_slot import PictureSlot
from edge_app.seal import read_seal
from edge_app.web.accounts import Accounts
from edge_app.web.desk import Desk
from edge_app.web.live_pictures import LivePictures
from edge_app.web.server import listen_at, make_app, new_setup_code, page_url, serve
from edge_app.web.service_link import ServiceLink
from edge_app.web.settings import PageSettings
from edge_app.web.worklist import Worklist

NICE: Final = 10
"""The analysis goes first."""
HELLO_S: Final = 10.0
LISTEN_TRIES_S: Final = 5.0
"""A page that has just ended may hold the port so long."""

logger = logging.getLogger("edge_app.web")


def main() -> None:
    """Serve the page until the service ends."""
    os.nice(NICE)
    cv2.setNumThreads(1)
    link = socket.socket(fileno=int(sys.argv[1]))
    hello, rest = _read_hello(link)
    config = Config.model_validate(hello["config"])
    logging.basicConfig(
        level=config.log.level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        settings = _settings(config, Status.model_validate(hello["status"]), hello)
        asyncio.run(_run(settings, config, link, PictureSlot(int(sys.argv[2])), rest))
    except (EdgeCadError, OSError) as error:
        logger.error("the page cannot be served: %s", error)
        sys.exit(1)


async def _run(settings: PageSettings, config: Config, link: socket.socket, slot: PictureSlot, rest: bytes) -> None:
    listener = await _listen(settings)
    reader, writer = await asyncio.open_connection(sock=link)
    service = ServiceLink(reader, writer, rest)
    accounts = Accounts(settings.accounts_path, settings.session_s)
    seal = read_seal(config.store.key_file)
    worklists = Worklist(settings.store_path, seal=seal), Worklist(settings.store_path, seal=seal)
    setup_code = new_setup_code() if accounts.empty() else ""
    pictures = LivePictures(slot, service.set_viewers)
    desk = Desk(settings, accounts, service, pictures, *worklists, setup_code)
    await serve(desk, make_app(desk, config), listener, page_url(settings, listener.getsockname()[1]))


async def _listen(settings: PageSettings) -> socket.socket:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + LISTEN_TRIES_S
    while True:
        try:
            return listen_at(settings.host, settings.port)
        except OSError as error:
            if loop.time() > deadline_s:
                text = f"web.host {settings.host}, web.port {settings.port}: {error.strerror or error}"
                raise OSError(f"{text}: choose others") from error
            await asyncio.sleep(0.2)


def _read_hello(link: socket.socket) -> tuple[Line, bytes]:
    """The first line of the service, and what came behind it."""
    link.settimeout(HELLO_S)
    received = b""
    while b"\n" not in received:
        data = link.recv(1 << 16)
        if not data:
            sys.exit(0)  # the service ended before it said anything
        received += data
    first, rest = received.split(b"\n", 1)
    return LineReader().feed(first + b"\n")[0], rest


def _settings(config: Config, status: Status, hello: Line) -> PageSettings:
    web, token = config.web, config.web.metrics_token_file
    return PageSettings(
        host=web.host,
        port=int(hello.get("port", web.port)),
        allowed_hosts=web.allowed_hosts,
        certificate_file=web.certificate_file,
        key_file=web.key_file,
        accounts_path=web.accounts_path or Path(config.store.path).with_name("accounts.sqlite3"),
        session_s=web.session_hours * 3600,
        metrics_token=None if token is None else token.read_text("utf-8").strip(),
        store_path=config.store.path,
        unsent_alarm_s=config.store.unsent_alarm_hours * 3600,
        status=status,
        config=config.model_dump(mode="json"),
    )


if __name__ == "__main__":
    main()
