"""The page's process, seen from the service: started, fed, started again when it ends; never waited for.

Whatever becomes of it (killed, stopped, flooded, hung), the service goes on as if there were no page.
"""

import logging
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, Full, Queue
from typing import Final

from edge_app.page_link import (
    LONGEST_LINE_BYTES,
    STATE_EVERY_S,
    VIEWERS_BELIEVED_S,
    Line,
    LineReader,
    encode,
    receive_some,
)
from edge_app.picture_slot import PictureSlot
from edge_app.records import Frame
from edge_app.waker import Waker

LIVE_RATE_HZ: Final = 15.0
"""The live picture is handed over at most so often."""
STATE_PAUSE_S: Final = 0.2
"""Between two states at least."""
WAITING_BYTES: Final = LONGEST_LINE_BYTES
"""What waits to be taken by the page; beyond, states and events are left out."""
WAITING_EVENTS: Final = 64
WAITING_ACTIONS: Final = 8
RESTART_FIRST_S: Final = 0.5
RESTART_LONGEST_S: Final = 30.0
"""Between the end of the process and its next start; doubles from the first to the longest."""
LASTED_S: Final = 30.0
"""A process that lasted longer was a good one: the pauses begin at the shortest again."""
SILENT_S: Final = 20.0
"""A page that says nothing for so long hangs: it is killed and started again."""
STOP_S: Final = 3.0
"""A page that was asked to end is killed after so long."""

logger = logging.getLogger(__name__)


class PageProcess:
    """Runs the page.

    Args:
        settings: What the page is told at its start; JSON.
        state: Asked once a second, and after ``changed``; JSON. None leaves it out this time.
        act: Does what somebody asks for on the page, in a thread of its own; returns the answer.
        command: Instead of the page's program.
    """

    def __init__(
        self,
        settings: Line,
        state: Callable[[], Line | None],
        act: Callable[[Line], Line],
        command: tuple[str, ...] = (sys.executable, "-m", "edge_app.web"),
    ) -> None:
        self._settings, self._state, self._act, self._command = settings, state, act, command
        self._slot = PictureSlot()
        self._waker = Waker()
        self._stopping = threading.Event()
        self._asked = threading.Event()
        self._events: deque[Line] = deque(maxlen=WAITING_EVENTS)
        self._answers: deque[Line] = deque(maxlen=2 * WAITING_ACTIONS)
        self._actions: Queue[Line | None] = Queue(WAITING_ACTIONS)
        self._out = b""
        self._viewers, self._viewers_until_s = 0, 0.0
        self._next_picture_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._actor = threading.Thread(target=self._act_on, name="page-actions", daemon=True)
        self.listening = threading.Event()
        """Set while the page can be asked."""
        self.url, self.setup_code = "", ""
        """Where, and what the first person has to know while there is no account."""

    @property
    def pid(self) -> int | None:
        """Of the page's process; None between two of them."""
        return None if self._process is None else self._process.pid

    @property
    def viewers(self) -> int:
        """How many look at the live picture now."""
        return self._viewers if time.monotonic() < self._viewers_until_s else 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._actor.start()

    def stop(self) -> None:
        """End the page; returns after ``STOP_S`` and an action that is being done at the latest."""
        self._stopping.set()
        self._waker.wake()
        if self._thread.is_alive():
            self._thread.join()
        while self._actor.is_alive():
            try:
                self._actions.put_nowait(None)
            except Full:
                self._take_action()
            self._actor.join(0.1)
        self._waker.close()
        self._slot.close()

    def show(self, frame: Frame) -> bool:
        """Hand over a picture if somebody looks and it is time for one: one copy of its pixels. Else it costs nothing.

        From one thread at a time.

        Returns:
            Whether it was handed over.
        """
        if not self._viewers:
            return False
        now = time.monotonic()
        if now < self._next_picture_s:
            return False
        if now > self._viewers_until_s:
            self._viewers = 0
            return False
        self._next_picture_s = max(self._next_picture_s + 1 / LIVE_RATE_HZ, now)
        self._slot.write(frame, now)
        return True

    def tell(self, event: Line) -> None:
        """Tell the page of an event; of many, the newest are kept. From any thread."""
        self._events.append(event)
        self._waker.wake()

    def changed(self) -> None:
        """Tell the page the state soon. From any thread."""
        self._asked.set()
        self._waker.wake()

    def _run(self) -> None:
        pause_s = RESTART_FIRST_S
        while not self._stopping.is_set():
            started_s = time.monotonic()
            try:
                self._serve_one_process()
            except OSError as error:
                logger.warning("the page cannot be started: %s", error)
            finally:
                self.listening.clear()
                self._viewers = 0
            if time.monotonic() - started_s > LASTED_S:
                pause_s = RESTART_FIRST_S
            if self._stopping.wait(pause_s):
                break
            pause_s = min(2 * pause_s, RESTART_LONGEST_S)

    def _serve_one_process(self) -> None:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                descriptors = (theirs.fileno(), self._slot.descriptor)
                self._process = process = subprocess.Popen(
                    (*self._command, *map(str, descriptors)),
                    stdin=subprocess.DEVNULL,
                    pass_fds=descriptors,
                    # A group of its own: Ctrl-C is for the service. The same session: its priority counts against ours.
                    process_group=0,
                )
            try:
                ours.setblocking(False)
                self._out = encode(self._settings)
                self._asked.set()
                self._exchange(ours)
            finally:
                self._end(process)
                self._process = None

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a process that is asked to end, or has ended."""
        if self._stopping.is_set() and process.poll() is None:
            process.terminate()
        try:
            code = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if not self._stopping.is_set():
            logger.warning("the page ended (%s) and is started again; the analysis goes on", _ending(code))

    def _exchange(self, link: socket.socket) -> None:
        """Talk with one process until it or the service ends."""
        reader, next_state_s, state_due_s, heard_s = LineReader(), 0.0, 0.0, time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._waker.readable, selectors.EVENT_READ)
            selector.register(link, selectors.EVENT_READ)
            while not self._stopping.is_set():
                now = time.monotonic()
                if now - heard_s > SILENT_S:
                    logger.warning("the page has been silent for %.0f s: it is killed", SILENT_S)
                    self._kill()
                    return
                if now >= state_due_s or (self._asked.is_set() and now >= next_state_s):
                    self._asked.clear()
                    next_state_s, state_due_s = now + STATE_PAUSE_S, now + STATE_EVERY_S
                    self._queue_state()
                self._queue_told()
                if self._out and not self._send_some(link):
                    return
                interest = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
                selector.modify(link, interest)
                due_s = next_state_s if self._asked.is_set() else state_due_s
                ready = {key.fileobj for key, events in selector.select(max(0.0, due_s - time.monotonic()))}
                if self._waker.readable in ready:
                    receive_some(self._waker.readable)
                if link in ready and (data := receive_some(link)) is not None:
                    if not data:
                        return
                    try:
                        lines = reader.feed(data)
                    except ValueError as error:
                        logger.error("what the page says is not understood: %s", error)
                        return
                    heard_s = time.monotonic()
                    for line in lines:
                        self._heard(line)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _queue_state(self) -> None:
        if len(self._out) < WAITING_BYTES and (state := self._state()) is not None:
            self._out += encode({"kind": "state", **state})

    def _queue_told(self) -> None:
        while self._answers and len(self._out) < 2 * WAITING_BYTES:
            self._out += encode(self._answers.popleft())
        while self._events and len(self._out) < WAITING_BYTES:
            self._out += encode({"kind": "event", "event": self._events.popleft()})

    def _send_some(self, link: socket.socket) -> bool:
        """Send what the page takes now; False if it is gone."""
        try:
            self._out = self._out[link.send(self._out) :]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def _heard(self, line: Line) -> None:
        kind = line["kind"]
        if kind == "viewers" and isinstance(count := line.get("count"), int):
            self._viewers, self._viewers_until_s = max(0, count), time.monotonic() + VIEWERS_BELIEVED_S
        elif kind == "listening":
            self.url, self.setup_code = str(line.get("url", "")), str(line.get("setup_code", ""))
            self._settings["port"] = line.get("port", 0)  # the same one after a restart
            logger.info("the page is at %s", self.url)
            if self.setup_code:
                logger.warning("first start: open %s and give the setup code %s", self.url, self.setup_code)
            self.listening.set()
        elif kind == "action":
            try:
                self._actions.put_nowait(line)
            except Full:
                self._answer(line, {"done": False, "text": "too much is asked for at once: try again"})

    def _answer(self, action: Line, answer: Line) -> None:
        self._answers.append({"kind": "answer", "id": action.get("id"), **answer})
        self._waker.wake()

    def _act_on(self) -> None:
        while (action := self._actions.get()) is not None:
            try:
                answer = self._act(action)
            except Exception:  # a bug in what the page may ask for must not end the analysis
                logger.exception("action %s", action.get("action"))
                answer = {"done": False, "text": "this went wrong; the log of the service says why"}
            self._answer(action, answer)

    def _take_action(self) -> None:
        try:
            self._actions.get_nowait()
        except Empty:
            return


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


def packages_missing() -> list[str]:
    """Packages of the extra ``web`` that are not installed."""
    import importlib.util

    return [name for name in ("starlette", "uvicorn", "argon2") if importlib.util.find_spec(name) is None]
