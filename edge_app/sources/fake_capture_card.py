"""A capture card that is not there: plays pictures at a rate, and fails in the ways that real ones do."""

import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_app.errors import CameraLost
from edge_app.sources.live import Captured, CaptureFormat

SLOWER: Final = 10
BACK_S: Final = 10.0


class FakeCaptureCard:
    """A ``CaptureDevice`` that plays given pictures in a loop.

    Like a real card it gives its own size whatever is asked, at its own rate; ``unplug`` makes ``read`` come back
    empty at once, ``unplug_silently`` the last picture for ever (``open`` fails), ``stall`` makes it block, ``repeat``
    gives the last picture with its old timestamp, ``go_black`` black pictures at the full rate, ``resize`` pictures of
    half the size, ``slow_down`` a tenth of the rate, ``tear`` pictures whose lower half is the one from before, and
    ``go_back`` timestamps from 10 s ago. ``plug_in`` ends all of that. ``history`` holds what was done to it, in order.

    Unlike a real card it never garbles a picture, has no buffers (a slow reader gets the picture of now, not one from
    the queue) and gives its rate exactly; a stall lasts until ``plug_in`` or ``unplug``, where a driver's ``read``
    returns after 10 s.
    """

    backend: str = "fake"

    def __init__(
        self, pictures: Sequence[NDArray[np.uint8]], rate_hz: float = 30.0, pixel_format: str = "YUYV"
    ) -> None:
        """Pictures of one size, gray or BGR; given as BGR, as a card does."""
        if not pictures or len({picture.shape for picture in pictures}) != 1:
            raise ValueError("a card plays one or more pictures of one size")
        self._pictures = [_as_bgr(picture) for picture in pictures]
        height, width = pictures[0].shape[:2]
        self._format = CaptureFormat(width, height, rate_hz, pixel_format)
        self._changed = threading.Condition()
        self._mode = "playing"
        self._opened_s: float | None = None
        self._last = Captured(self._pictures[0], 0.0)
        self._index = 0
        self.history: list[tuple[Any, ...]] = []

    def open(self, asked: CaptureFormat) -> CaptureFormat:
        """Open it; gives its own format.

        Raises:
            CameraLost: It is unplugged.
        """
        with self._changed:
            self.history.append(("open", asked))
            if self._mode in ("unplugged", "silently unplugged"):
                raise CameraLost("the fake capture card is unplugged. Plug it in")
            self._opened_s = time.monotonic()
            self._last = Captured(self._pictures[0], self._opened_s * 1000)
            self._index = 0
            return self._format

    def read(self) -> Captured | None:
        """The next picture, when its time has come."""
        with self._changed:
            if self._opened_s is None:
                return None
            if self._mode == "slow":
                self._opened_s += (SLOWER - 1) / self._format.rate_hz
            due_s = self._opened_s + (self._index + 1) / self._format.rate_hz
            now_s = time.monotonic()
            if due_s < now_s - 1:  # nobody read for long: a card doesn't play the past
                self._opened_s += now_s - due_s
            self._changed.wait_for(self._is_gone, max(0.0, due_s - now_s))
            self._changed.wait_for(lambda: self._mode != "stalled")
            if self._is_gone():
                return None
            self._index += 1
            if self._mode in ("repeating", "silently unplugged"):
                return Captured(self._last.pixels.copy(), self._last.device_ms)
            picture = self._pictures[(self._index - 1) % len(self._pictures)]
            device_s = time.monotonic() - (BACK_S if self._mode == "from before" else 0.0)
            self._last = Captured(self._spoiled(picture), device_s * 1000)
            self.history.append(("read", self._index - 1))
            return self._last

    def close(self) -> None:
        """Close it."""
        with self._changed:
            self.history.append(("close",))
            self._opened_s = None
            self._changed.notify_all()

    def stall(self) -> None:
        """From now on ``read`` blocks, as when a driver's buffers never fill."""
        self._turn("stalled")

    def unplug(self) -> None:
        """From now on ``read`` gives nothing and ``open`` fails."""
        self._turn("unplugged")

    def repeat(self) -> None:
        """From now on ``read`` gives the last picture again, with its old timestamp."""
        self._turn("repeating")

    def go_black(self) -> None:
        """From now on every picture is black, as many cards do without a signal."""
        self._turn("black")

    def unplug_silently(self) -> None:
        """From now on ``read`` gives the last picture as if all were well, and ``open`` fails."""
        self._turn("silently unplugged")

    def resize(self) -> None:
        """From now on every picture is half as wide and half as high, without a word."""
        self._turn("resized")

    def slow_down(self) -> None:
        """From now on pictures come at a tenth of the rate."""
        self._turn("slow")

    def tear(self) -> None:
        """From now on the lower half of every picture is that of the one before."""
        self._turn("torn")

    def go_back(self) -> None:
        """From now on the timestamps are those of 10 s ago."""
        self._turn("from before")

    def plug_in(self) -> None:
        """Work as at first."""
        self._turn("playing")

    def _spoiled(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height = picture.shape[0]
        if self._mode == "black":
            return np.zeros_like(picture)
        if self._mode == "resized":
            return np.ascontiguousarray(picture[::2, ::2])
        if self._mode == "torn":
            before = self._pictures[(self._index - 2) % len(self._pictures)]
            return np.concatenate((picture[: height // 2], before[height // 2 :]))
        return picture.copy()

    def _turn(self, mode: str) -> None:
        with self._changed:
            self.history.append((mode,))
            self._mode = mode
            self._changed.notify_all()

    def _is_gone(self) -> bool:
        return self._opened_s is None or self._mode == "unplugged"


def _as_bgr(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8) if picture.ndim == 2 else picture
