"""The live picture: read from the service's memory and made JPEG once, for all who look; nothing is done for nobody."""

import asyncio
import contextlib
import json
import logging
import os
import struct
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_app.picture_slot import PictureSlot, SharedPicture
from edge_app.web.service_link import Bell, wait_at_most

VIEWERS_MOST: Final = 32
LOOK_EVERY_S: Final = 1 / 45
"""How often the memory is asked for a newer picture, while somebody looks."""
WIDEST_PX: Final = 1280
"""A wider picture is made smaller before it is sent."""
QUALITY: Final = 80
"""Of JPEG; contours of speckle look alike from 75 on."""
SIGN_OF_LIFE_S: Final = 2.0

logger = logging.getLogger(__name__)


class TooManyViewers(Exception):
    """No one more can look."""


@dataclass(frozen=True, slots=True, eq=False)
class LivePicture:
    """A picture, ready to be sent."""

    number: int
    jpeg: bytes
    sequence: int
    captured_at: str
    width: int
    height: int
    """Of the frame, in pixels; the JPEG may be smaller."""

    def headers(self) -> dict[str, str]:
        """For an answer over HTTP."""
        return {
            "X-Frame-Sequence": str(self.sequence),
            "X-Frame-Captured-At": self.captured_at,
            "X-Frame-Width": str(self.width),
            "X-Frame-Height": str(self.height),
        }

    def message(self, frozen: bool) -> bytes:
        """For ``live.frames``: lengths, JSON and JPEG."""
        about = {
            "sequence": self.sequence,
            "captured_at": self.captured_at,
            "width": self.width,
            "height": self.height,
            "frozen": frozen,
        }
        text = json.dumps(about, separators=(",", ":")).encode()
        return struct.pack(">I", len(text)) + text + struct.pack(">I", len(self.jpeg)) + self.jpeg


SIGN_OF_LIFE: Final = struct.pack(">I", 2) + b"{}" + struct.pack(">I", 0)
"""In ``live.frames``, when there is no new picture."""


class LivePictures:
    """Gives the newest picture to everybody who looks.

    Args:
        slot: The service's memory.
        set_viewers: Told how many look, whenever that changes.
    """

    def __init__(self, slot: PictureSlot, set_viewers: Callable[[int], None]) -> None:
        self._slot, self._set_viewers = slot, set_viewers
        self._bell = Bell()
        self._encoder = ThreadPoolExecutor(1, "encoder", initializer=_yield_to_all)
        self._newest: LivePicture | None = None
        self._maker: asyncio.Task[None] | None = None
        self.viewers = 0

    async def pictures(self) -> AsyncGenerator[LivePicture | None, None]:
        """Every picture from now on, the newest each time; None as a sign of life when no new one came for a while.

        Raises:
            TooManyViewers: So many look already.
        """
        if self.viewers >= VIEWERS_MOST:
            raise TooManyViewers
        with self._looking(), self._bell.listening() as rung:
            seen = 0
            while True:
                await wait_at_most(rung, SIGN_OF_LIFE_S)
                picture = self._newest
                if picture is not None and picture.number != seen:
                    seen = picture.number
                    yield picture
                else:
                    yield None

    @contextlib.contextmanager
    def _looking(self) -> Iterator[None]:
        self.viewers += 1
        self._set_viewers(self.viewers)
        if self._maker is None:
            self._newest = None
            self._maker = asyncio.create_task(self._make())
        try:
            yield
        finally:
            self.viewers -= 1
            self._set_viewers(self.viewers)
            if not self.viewers and self._maker is not None:
                self._maker.cancel()
                self._maker = None

    async def _make(self) -> None:
        loop, seen = asyncio.get_running_loop(), self._slot.newest()  # that one may be old
        while True:
            number = self._slot.newest()
            if number != seen:
                seen = number
                shared = self._slot.read()
                if shared is not None:
                    try:
                        self._newest = await loop.run_in_executor(self._encoder, encode, shared)
                    except cv2.error as error:
                        logger.error("a picture cannot be made JPEG: %s", error)
                    self._bell.ring()
            await asyncio.sleep(LOOK_EVERY_S)


def _yield_to_all() -> None:
    """On a box that is busy the live picture gets slower first; on Linux each thread has a priority of its own."""
    os.nice(19)


def encode(shared: SharedPicture) -> LivePicture:
    """The picture as JPEG, not wider than ``WIDEST_PX``."""
    pixels: NDArray[np.uint8] = shared.pixels
    height, width = pixels.shape[:2]
    if width > WIDEST_PX:
        size = (WIDEST_PX, max(1, round(height * WIDEST_PX / width)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    _, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    captured_at = shared.captured_at.isoformat(timespec="milliseconds")
    return LivePicture(shared.number, jpeg.tobytes(), shared.sequence, captured_at, width, height)
