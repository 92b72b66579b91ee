"""The page's end of the link with the service: its state, its events, and what is asked of it."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from edge_app.page_link import VIEWERS_EVERY_S, Line, LineReader, encode

SILENT_S: Final = 3.0
"""Without a state for so long, the service hangs."""
ANSWER_S: Final = 5.0
EVENTS_KEPT: Final = 100
RATE_OVER_S: Final = 3.0
"""Frames are counted over so long."""
UNSENT_BYTES: Final = 1 << 18
"""More than this waits to be taken by the service: it hangs, and nothing more is asked of it."""

logger = logging.getLogger(__name__)


class Bell:
    """Wakes everybody who listens."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Wake them."""
        for listener in self._listeners:
            listener.set()

    @contextlib.contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that is set at each ring."""
        listener = asyncio.Event()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)


async def wait_at_most(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event came in time; it is cleared then."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    event.clear()
    return True


class NoAnswer(Exception):
    """The service did not answer in time, or is gone."""


class ServiceLink:
    """What the service said last.

    Args:
        reader: From the service.
        writer: To the service.
        first: What it said before.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = b"") -> None:
        self._reader, self._writer, self._first = reader, writer, first
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[Line]] = {}
        self._frames: deque[tuple[float, int]] = deque()
        self._heard_s = time.monotonic()
        self.bell = Bell()
        """Rings at each state and event."""
        self.state: Line | None = None
        """The newest; None before the first."""
        self.events: deque[tuple[int, dict[str, Any]]] = deque(maxlen=EVENTS_KEPT)
        """Number and event, oldest first."""
        self.ended = asyncio.Event()
        self.viewers = 0
        self._event_numbers = count(1)

    def service_state(self) -> tuple[str, str]:
        """``starting``, ``running``, ``silent`` or ``ended``, and why."""
        if self.ended.is_set():
            return "ended", "the service has ended: start it again"
        if time.monotonic() - self._heard_s > SILENT_S:
            return "silent", "the service does not answer: what is shown is not what is; restart it if this lasts"
        if self.state is None:
            return "starting", "the service is starting"
        return "running", ""

    def frames_per_second(self) -> float:
        """Pictures that the service has looked at lately, each second."""
        if len(self._frames) < 2 or time.monotonic() - self._heard_s > SILENT_S:
            return 0.0
        (first_s, first), (last_s, last) = self._frames[0], self._frames[-1]
        return max(0.0, (last - first) / (last_s - first_s)) if last_s > first_s else 0.0

    def set_viewers(self, viewers: int) -> None:
        """So many look at the live picture now."""
        self.viewers = viewers
        self.send({"kind": "viewers", "count": viewers})

    def send(self, line: Line) -> bool:
        """Tell the service something; False if it does not take any more."""
        if self.ended.is_set() or self._writer.transport.get_write_buffer_size() > UNSENT_BYTES:
            return False
        self._writer.write(encode(line))
        return True

    async def ask(self, action: str, by: str, role: str, **needs: object) -> Line:
        """Have the service do something.

        Raises:
            NoAnswer: It does not answer.
        """
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            if not self.send({"kind": "action", "id": number, "action": action, "by": by, "role": role, **needs}):
                raise NoAnswer
            return await asyncio.wait_for(answer, ANSWER_S)
        except TimeoutError as error:
            raise NoAnswer from error
        finally:
            del self._answers[number]

    async def run(self) -> None:
        """Listen until the service ends."""
        beat = asyncio.create_task(self._beat())
        lines = LineReader()
        try:
            for line in lines.feed(self._first):
                self._heard(line)
            while data := await self._reader.read(1 << 16):
                for line in lines.feed(data):
                    self._heard(line)
        except (OSError, ValueError) as error:
            logger.error("the link to the service broke: %s", error)
        finally:
            beat.cancel()
            self.ended.set()
            self.bell.ring()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(NoAnswer())

    async def _beat(self) -> None:
        while True:
            self.set_viewers(self.viewers)
            await asyncio.sleep(VIEWERS_EVERY_S)

    def _heard(self, line: Line) -> None:
        kind = line.pop("kind")
        if kind == "state":
            self.state, self._heard_s = line, float(line["at_s"])  # both processes have the same monotonic clock
            self._frames.append((self._heard_s, int(line["health"]["capture"]["frames"])))
            while len(self._frames) > 2 and self._frames[1][0] < self._heard_s - RATE_OVER_S:
                self._frames.popleft()
            self.bell.ring()
        elif kind == "event":
            self.events.append((next(self._event_numbers), line["event"]))
            self.bell.ring()
        elif kind == "answer" and (answer := self._answers.get(line.pop("id", 0))) is not None and not answer.done():
            answer.set_result(line)
