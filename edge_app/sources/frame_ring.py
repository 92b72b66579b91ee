"""A ring of pictures in memory that a capture process shares with the service: the newest wins, neither side waits.

The memory has no name: it is handed over as a file descriptor, and the kernel frees it with the last process that has
it, however that ends. The writer decodes into the ring; the reader copies a picture out once, and knows from the
picture's number, written before and after the pixels, that it was not being replaced meanwhile.
"""

import mmap
import os
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

HEADER: Final = struct.Struct("<QQQ")
"""Number of the newest picture, from 1; reads of the device that gave none; monotonic ns of the writer's last sign."""
PICTURE: Final = struct.Struct("<QdQIII")
"""Number; device's own time (ms, 0 if it has none); captured at (monotonic ns); height, width, channels."""
HEADER_BYTES: Final = 4096
END_OFFSET: Final = 64
"""Of the number again, as the last thing written of a picture's header."""
PLACES: Final = 3
MAX_PIXEL_BYTES: Final = 4096 * 2304 * 3
"""Of one picture: 4K in colour. Memory is taken when it is written to."""
PLACE_BYTES: Final = HEADER_BYTES + MAX_PIXEL_BYTES
RING_BYTES: Final = HEADER_BYTES + PLACES * PLACE_BYTES


@dataclass(frozen=True, slots=True, eq=False)
class RingPicture:
    """A picture as it was read."""

    number: int
    """Counts the pictures that were written, from 1; a gap is a picture that was replaced before it was read."""
    pixels: NDArray[np.uint8]
    """The reader's own copy, shape (height, width) gray or (height, width, 3) BGR."""
    device_ms: float
    captured_ns: int


class FrameRing:
    """The shared memory; one process writes.

    Args:
        descriptor: Of a ring made by another process; None makes a new one.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            descriptor = os.memfd_create("edge-cad-capture", os.MFD_CLOEXEC)
            os.ftruncate(descriptor, RING_BYTES)
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, RING_BYTES)
        self._number = HEADER.unpack_from(self._memory)[0]

    def place(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Where the next picture is to be written: (height, width) or (height, width, 3), uint8.

        Raises:
            ValueError: A picture of this shape is larger than the ring takes.
        """
        size = int(np.prod(shape))
        if size > MAX_PIXEL_BYTES:
            raise ValueError(f"a picture of {shape[1]} x {shape[0]} px is larger than 4K")
        start = self._start(self._number + 1)
        struct.pack_into("<Q", self._memory, start, 0)  # whoever reads what was there knows that it is gone
        return np.frombuffer(self._memory, np.uint8, size, start + HEADER_BYTES).reshape(shape)

    def publish(self, shape: tuple[int, ...], device_ms: float, captured_ns: int) -> None:
        """Make what was written to ``place`` the newest picture."""
        self._number += 1
        start = self._start(self._number)
        height, width, channels = shape[0], shape[1], 1 if len(shape) == 2 else shape[2]
        PICTURE.pack_into(self._memory, start, self._number, device_ms, captured_ns, height, width, channels)
        struct.pack_into("<Q", self._memory, start + END_OFFSET, self._number)
        struct.pack_into("<Q", self._memory, 0, self._number)

    def miss(self) -> None:
        """Say that a read of the device gave no picture."""
        _, missed, _ = HEADER.unpack_from(self._memory)
        struct.pack_into("<Q", self._memory, 8, missed + 1)

    def live(self, now_ns: int) -> None:
        """Say that the writer is alive."""
        struct.pack_into("<Q", self._memory, 16, now_ns)

    def newest(self) -> int:
        """The number of the newest picture; 0 before the first."""
        return int(HEADER.unpack_from(self._memory)[0])

    def missed(self) -> int:
        """Reads of the device that gave no picture, so far."""
        return int(HEADER.unpack_from(self._memory)[1])

    def last_sign_ns(self) -> int:
        """When the writer last said that it is alive, monotonic; 0: never."""
        return int(HEADER.unpack_from(self._memory)[2])

    def read(self) -> RingPicture | None:
        """A copy of the newest picture; None if there is none, or the writer was faster, or left it unfinished."""
        newest = self.newest()
        start = self._start(newest)
        number, device_ms, captured_ns, height, width, channels = PICTURE.unpack_from(self._memory, start)
        size = height * width * channels
        if newest == 0 or not 0 < size <= MAX_PIXEL_BYTES or channels not in (1, 3):
            return None
        shape = (height, width) if channels == 1 else (height, width, 3)
        pixels = np.frombuffer(self._memory, np.uint8, size, start + HEADER_BYTES).reshape(shape).copy()
        (end,) = struct.unpack_from("<Q", self._memory, start + END_OFFSET)
        (after,) = struct.unpack_from("<Q", self._memory, start)
        if not number == end == after == newest:
            return None
        return RingPicture(newest, pixels, device_ms, captured_ns)

    def close(self) -> None:
        """Let go of the descriptor; the memory goes with the last array that is a view of it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    @staticmethod
    def _start(number: int) -> int:
        return HEADER_BYTES + (number % PLACES) * PLACE_BYTES
