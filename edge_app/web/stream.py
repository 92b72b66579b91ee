"""Server-Sent Events: the state, new reports and events, made once for all who listen."""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.concurrency import run_in_threadpool

from edge_app.errors import StoreError
from edge_app.web.desk import Desk
from edge_app.web.service_link import wait_at_most

STREAMS_MOST: Final = 64
STATE_PAUSE_S: Final = 0.25
STATE_EVERY_S: Final = 2.0
REPORTS_EVERY_S: Final = 0.25
"""How often the store is asked for a newer report, while somebody listens."""
COMMENT_EVERY_S: Final = 5.0
ALLOWED_EVERY_S: Final = 5.0
"""How often it is asked whether the session still is one."""
WAITING_MOST: Final = 64
"""What a slow listener may be behind; then the oldest is left out."""

logger = logging.getLogger(__name__)


class TooManyStreams(Exception):
    """No one more can listen."""


class _Listener:
    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque(maxlen=WAITING_MOST)
        self.woken = asyncio.Event()

    def put(self, message: bytes) -> None:
        self.waiting.append(message)
        self.woken.set()


class Stream:
    """Sends to all who listen; while nobody does, nothing is made.

    Args:
        desk: What the page knows.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._listeners: set[_Listener] = set()
        self._maker: asyncio.Task[None] | None = None
        self._report: bytes | None = None
        self._report_id: str | None = None
        self._delivery = ""
        self._row = -1

    async def listen(self, allowed: Callable[[], bool]) -> AsyncIterator[bytes]:
        """The events from now on, beginning with the state and the newest report.

        Args:
            allowed: Whether the listener still may; asked now and then.

        Raises:
            TooManyStreams: So many listen already.
        """
        if len(self._listeners) >= STREAMS_MOST:
            raise TooManyStreams
        listener = _Listener()
        self._listeners.add(listener)
        self._desk.streams = len(self._listeners)
        try:
            yield b"retry: 2000\n\n"
            if self._maker is None:
                self._maker = asyncio.create_task(self._make())
            else:
                listener.put(await self._state())
                if self._report is not None:
                    listener.put(self._report)
            next_question_s = time.monotonic() + ALLOWED_EVERY_S
            while not self._desk.stopping.is_set():
                await wait_at_most(listener.woken, COMMENT_EVERY_S)
                if time.monotonic() > next_question_s:
                    next_question_s = time.monotonic() + ALLOWED_EVERY_S
                    if not await run_in_threadpool(allowed):
                        yield message("bye", {"reason": "you are signed out"})
                        return
                if not listener.waiting:
                    yield b": still here\n\n"
                while listener.waiting:
                    yield listener.waiting.popleft()
            yield message("bye", {"reason": "the page stops"})
        finally:
            self._listeners.discard(listener)
            self._desk.streams = len(self._listeners)
            if not self._listeners and self._maker is not None:
                self._maker.cancel()
                self._maker = None

    def wake(self) -> None:
        """Have everybody look whether the page stops."""
        for listener in self._listeners:
            listener.woken.set()

    def tell_opinions(self, report_id: str) -> None:
        """Somebody said something of a report."""
        self._send(message("opinion", {"report_id": report_id}))

    def _send(self, text: bytes) -> None:
        for listener in self._listeners:
            listener.put(text)

    async def _make(self) -> None:
        desk, last, state_at_s, reports_at_s = self._desk, b"", 0.0, 0.0
        self._row, self._report, self._report_id = -1, None, None
        seen_event = desk.link.events[-1][0] if desk.link.events else 0
        with desk.link.bell.listening() as rung:
            while True:
                try:
                    now = time.monotonic()
                    state = await self._state()
                    if now >= state_at_s or _without_time(state) != last:
                        last, state_at_s = _without_time(state), now + STATE_EVERY_S
                        self._send(state)
                    for number, event in tuple(desk.link.events):
                        if number > seen_event:
                            seen_event = number
                            self._send(message("event", event))
                    if now >= reports_at_s:
                        reports_at_s = now + REPORTS_EVERY_S
                        await self._look_for_reports()
                except StoreError as error:
                    logger.warning("nothing is streamed now: %s", error)
                    await asyncio.sleep(1)
                except Exception:  # a bug here must not end the stream of everybody
                    logger.exception("nothing is streamed now")
                    await asyncio.sleep(1)
                await wait_at_most(rung, STATE_PAUSE_S)
                await asyncio.sleep(0.05)

    async def _state(self) -> bytes:
        return message("state", (await run_in_threadpool(self._desk.live_state)).model_dump_json())

    async def _look_for_reports(self) -> None:
        now = self._desk.now
        row, report_id = await run_in_threadpool(now.newest, self._row)
        self._row = row
        if report_id is not None:
            view = await run_in_threadpool(now.view, report_id)
            if view is not None:
                self._report_id, self._delivery = report_id, view.summary.delivery
                self._report = message("report", view.model_dump_json(by_alias=True))
                self._send(self._report)
        elif self._report_id is not None and self._delivery != "sent":
            delivery = await run_in_threadpool(now.delivery, self._report_id)
            if delivery != self._delivery:
                self._delivery = delivery
                self._send(message("delivery", {"report_id": self._report_id, "delivery": delivery}))


def message(kind: str, data: object) -> bytes:
    """One event; data is JSON text, or is made into it."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return f"event: {kind}\ndata: {text}\n\n".encode()


def _without_time(state: bytes) -> bytes:
    """What makes two states differ: not their time, nor what changes with every picture."""
    content = json.loads(state.split(b"data: ", 1)[1])
    del content["at"], content["capture"]["frames"], content["frames_per_second"], content["disk"]
    return json.dumps(content).encode()
