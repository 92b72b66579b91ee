"""Decode the next frame while the one before is processed."""

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from edge_app.records import Frame

PATIENCE_S: Final = 0.1
"""How often a full queue looks whether anybody still wants its frames."""


def prefetched(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same frames, in order, with one decoded ahead in a thread.

    OpenCV and the codecs let go of the interpreter's lock while they decode, so that a second core does that work.
    Closing the iterator ends the thread after the frame that it is at. An error of the source comes in its place.
    """
    ahead: queue.Queue[Frame | BaseException | None] = queue.Queue(maxsize=1)
    unwanted = threading.Event()
    thread = threading.Thread(target=_decode, args=(frames, ahead, unwanted), name="decode ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = ahead.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        unwanted.set()
        thread.join()


def _decode(
    frames: Iterator[Frame], ahead: "queue.Queue[Frame | BaseException | None]", unwanted: threading.Event
) -> None:
    try:
        for frame in frames:
            _put(ahead, frame, unwanted)
            if unwanted.is_set():
                return
        _put(ahead, None, unwanted)
    except BaseException as error:
        _put(ahead, error, unwanted)


def _put(
    ahead: "queue.Queue[Frame | BaseException | None]", item: Frame | BaseException | None, unwanted: threading.Event
) -> None:
    while not unwanted.is_set():
        with suppress(queue.Full):
            ahead.put(item, timeout=PATIENCE_S)
            return
