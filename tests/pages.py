"""The page in tests: visitors that speak HTTP, the whole service with its page, and the page's process by itself."""

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
from brokers import wait_for
from fakes.pictures import sector
from fakes.reports import make_health, make_report, make_status

from edge_app.app import Service
from edge_app.config import Config
from edge_app.page_link import Line
from edge_app.page_process import PageProcess
from edge_app.records import Evidence, Frame
from edge_app.sources.capture_card import CaptureCard
from edge_app.sources.fake_capture_card import FakeCaptureCard
from edge_app.store import Store
from firmware_bridge.port import OpenPort

PASSWORD = "gel and gloves"
START_S = 60.0
"""On a busy machine the page may take so long to start."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Visitor:
    """A browser without a screen: keeps the cookie and sends the token."""

    url: str
    cookie: str = ""
    csrf_token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = self.open()
        try:
            own = {"Cookie": self.cookie} if self.cookie else {}
            token = {"X-CSRF-Token": self.csrf_token} if self.csrf_token else {}
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {**own, **token, **self.headers, **named})
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def open(self, timeout_s: float = 90.0) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def send(self, method: str, path: str, content: object = None, **headers: str) -> Answer:
        body = b"" if content is None else json.dumps(content).encode()
        return self.request(method, path, body, **{"Content_Type": "application/json", **headers})

    def post(self, path: str, content: object = None, **headers: str) -> Answer:
        return self.send("POST", path, {} if content is None else content, **headers)

    def set_up(self, code: str, name: str = "tess") -> "Visitor":
        return self._signed_in(self.post("/api/setup", {"code": code, "name": name, "password": PASSWORD}))

    def log_in(self, name: str, password: str = PASSWORD) -> "Visitor":
        return self._signed_in(self.post("/api/login", {"name": name, "password": password}))

    def _signed_in(self, answer: Answer) -> "Visitor":
        assert answer.status in (200, 201), answer.body
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        self.csrf_token = answer.json()["csrf_token"]
        return self

    @contextmanager
    def streaming(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """An answer that does not end."""
        connection = self.open()
        try:
            connection.request("GET", path, headers={"Cookie": self.cookie})
            yield connection.getresponse()
        finally:
            connection.close()


def events_of(response: http.client.HTTPResponse, seconds: float = 20.0) -> Iterator[tuple[str, Any]]:
    """The Server-Sent Events of a stream: kind and data."""
    deadline, kind = time.monotonic() + seconds, ""
    while time.monotonic() < deadline and (line := response.readline()):
        if line.startswith(b"event: "):
            kind = line[7:].strip().decode()
        elif line.startswith(b"data: "):
            yield kind, json.loads(line[6:])


def next_event(response: http.client.HTTPResponse, wanted: str, seconds: float = 20.0) -> Any:
    for kind, data in events_of(response, seconds):
        if kind == wanted:
            return data
    raise AssertionError(f"no {wanted} came within {seconds} s")


def moving_card(height: int = 480, width: int = 640) -> FakeCaptureCard:
    """A phantom that moves."""
    still = sector(height=height, width=width)
    moved = [np.roll(still, shift, axis=0) for shift in range(6)]
    return FakeCaptureCard([np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8) for picture in moved])


@dataclass
class RunningPage:
    """The service with its page.

    ``url``; ``setup_code`` while there is no account; ``service``; ``card``, to unplug it; ``process``, the page's.
    """

    service: Service
    card: FakeCaptureCard

    @property
    def process(self) -> PageProcess:
        assert self.service.page is not None
        return self.service.page.process

    @property
    def url(self) -> str:
        return self.process.url

    @property
    def setup_code(self) -> str:
        return self.process.setup_code

    def visitor(self) -> Visitor:
        """A technician who is signed in; the first call sets up."""
        code, self.process.setup_code = self.process.setup_code, ""
        return Visitor(self.url).set_up(code) if code else Visitor(self.url).log_in("tess")


@contextmanager
def running_page(
    folder: Path,
    card: FakeCaptureCard | None = None,
    mqtt_port: int = 1,
    open_port: OpenPort | None = None,
    **sections: object,
) -> Iterator[RunningPage]:
    """The service with a page at a free port, watching a capture card; without a broker unless a port is given."""
    card = card or moving_card()
    config = Config.model_validate(
        {
            "device": {"id": "cart-7"},
            "mqtt": {"port": mqtt_port, "health_interval_s": 1},
            "store": {"path": str(folder / "store.sqlite3"), "mask_text": False},
            "analysis": {"interval_s": 0.3},
            "web": {"enabled": True, "port": 0},
            **sections,
        }
    )
    with Service(config, CaptureCard(card, "fake card", stall_s=1.0), open_port) as service:
        runner = threading.Thread(target=service.run, name="service")
        runner.start()
        try:
            page = RunningPage(service, card)
            assert page.process.listening.wait(START_S), "the page did not start"
            yield page
        finally:
            service.stop()
            runner.join(30)
            assert not runner.is_alive()


@dataclass
class LonePage:
    """The page's process beside a scripted service.

    ``acts`` holds what was asked of the service, in order; ``answers`` what it answers by action; ``state`` is told.
    """

    folder: Path
    store: Store
    process: PageProcess
    acts: list[Line]
    answers: dict[str, Line]
    state: Line

    @property
    def url(self) -> str:
        return self.process.url

    def signal(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)


def make_frame(value: int = 90, sequence: int = 0, height: int = 120, width: int = 160) -> Frame:
    pixels = np.full((height, width, 3), value, np.uint8)
    return Frame(pixels, sequence, time.monotonic_ns(), make_health().at, "fake")


@contextmanager
def lone_page(
    folder: Path, reports: int = 3, visitor_class: type[Visitor] = Visitor, **web: object
) -> Iterator[LonePage]:
    """The page with so many reports in its store, the newest with a picture."""
    store = Store(folder / "store.sqlite3")
    ok, png = cv2.imencode(".png", make_frame().pixels)
    assert ok
    for number in range(reports):
        store.put(make_report(number), (Evidence("picture.png", "image/png", png.tobytes()),))
    store.log("start", {"session": make_status().session, "software": "edge-cad 0.1.0"})
    config = Config.model_validate(
        {
            "device": {"id": "cart-7"},
            "store": {"path": str(store.path)},
            "web": {"enabled": True, "port": 0, **web},
        }
    )
    acts: list[Line] = []
    answers: dict[str, Line] = {}
    state: Line = {
        "health": make_health().model_dump(mode="json", by_alias=True),
        "analysing": False,
        "picture": {"width": 160, "height": 120},
        "classification": None,
        "frozen": None,
    }

    def act(line: Line) -> Line:
        acts.append(line)
        return answers.get(line["action"], {"done": True, "text": "done", "event_id": None, "report_id": None})

    hello = {
        "kind": "hello",
        "config": config.model_dump(mode="json"),
        "status": make_status().model_dump(mode="json", by_alias=True),
    }
    process = PageProcess(hello, lambda: {**state, "at_s": time.monotonic()}, act)
    process.start()
    try:
        assert process.listening.wait(START_S), "the page did not start"
        wait_for(lambda: visitor_class(process.url).get("/api/alive").status == 200, "the page answers", START_S)
        yield LonePage(folder, store, process, acts, answers, state)
    finally:
        process.stop()
        store.close()
