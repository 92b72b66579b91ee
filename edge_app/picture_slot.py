"""One picture in memory shared by two processes: one writes the newest, the other reads it, and neither waits.

The memory has no name: it is handed over as a file descriptor, and the kernel frees it with the last process that has
it, however that ends. It never shrinks (it is sealed against that), so that no reader or writer can lose it.
"""

import fcntl
import mmap
import os
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_app.records import Frame

HEADER: Final = struct.Struct("<QQQ")
"""Pictures written so far; offset of the newest; bytes that one place has room for."""
HEADER_BYTES: Final = 4096
PICTURE: Final = struct.Struct("<QQQddIII")
"""Number, number again at its end (as the last thing written), sequence, captured at (s since 1970), written at (s,
monotonic), width, height, channels."""
PICTURE_BYTES: Final = 128
PLACES: Final = 2
"""While one is read, the next picture is written to the other."""
MAX_PICTURE_BYTES: Final = 3 * 7680 * 4320


@dataclass(frozen=True, slots=True, eq=False)
class SharedPicture:
    """A picture as it was read."""

    number: int
    """Counts the pictures that were written, from 1."""
    pixels: NDArray[np.uint8]
    """Shape (height, width) gray or (height, width, 3) BGR."""
    sequence: int
    """Of the frame."""
    captured_at: datetime


class PictureSlot:
    """The shared memory.

    Args:
        descriptor: Of memory made by another process; None makes new memory.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            descriptor = os.memfd_create("edge-cad-picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.ftruncate(descriptor, HEADER_BYTES)
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        self._number, self._room = 0, 0  # the writer's own: it believes nothing that it reads from the memory

    def write(self, frame: Frame, written_s: float) -> None:
        """Make this the newest picture: one copy of its pixels.

        Args:
            frame: The picture; one that is larger than 8K is left out.
            written_s: Monotonic clock.
        """
        pixels = np.ascontiguousarray(frame.pixels)
        if pixels.nbytes > MAX_PICTURE_BYTES:
            return
        if pixels.nbytes > self._room:
            self._room = pixels.nbytes
            self._grow(HEADER_BYTES + PLACES * (PICTURE_BYTES + self._room))
        self._number += 1
        offset = HEADER_BYTES + (self._number % PLACES) * (PICTURE_BYTES + self._room)
        height, width = pixels.shape[:2]
        channels = 1 if pixels.ndim == 2 else 3
        captured_s = frame.captured_at.timestamp()
        PICTURE.pack_into(
            self._memory, offset, self._number, 0, frame.sequence, captured_s, written_s, width, height, channels
        )
        start = offset + PICTURE_BYTES
        np.frombuffer(self._memory, np.uint8, pixels.nbytes, start)[:] = pixels.reshape(-1)
        struct.pack_into("<Q", self._memory, offset + 8, self._number)
        HEADER.pack_into(self._memory, 0, self._number, offset, self._room)

    def newest(self) -> int:
        """The number of the newest picture; 0 before the first."""
        return int(HEADER.unpack_from(self._memory)[0])

    def read(self) -> SharedPicture | None:
        """A copy of the newest picture; None if there is none, or it was being replaced meanwhile."""
        number, offset, room = HEADER.unpack_from(self._memory)
        end = HEADER_BYTES + PLACES * (PICTURE_BYTES + room)
        if number == 0 or room > MAX_PICTURE_BYTES or not HEADER_BYTES <= offset < end:
            return None
        if len(self._memory) < end:
            self._memory = mmap.mmap(self.descriptor, os.fstat(self.descriptor).st_size)
            if len(self._memory) < end:
                return None
        before, done, sequence, captured_s, _, width, height, channels = PICTURE.unpack_from(self._memory, offset)
        size = width * height * channels
        if before != done or channels not in (1, 3) or not 0 < size <= room:
            return None
        pixels = np.frombuffer(self._memory, np.uint8, size, offset + PICTURE_BYTES).copy()
        if PICTURE.unpack_from(self._memory, offset)[:2] != (before, done):
            return None
        shape = (height, width) if channels == 1 else (height, width, 3)
        try:
            captured_at = datetime.fromtimestamp(captured_s, UTC)
        except (ValueError, OverflowError, OSError):
            return None
        return SharedPicture(number, pixels.reshape(shape), sequence, captured_at)

    def close(self) -> None:
        """Let go of the memory."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _grow(self, size: int) -> None:
        os.ftruncate(self.descriptor, max(size, os.fstat(self.descriptor).st_size))
        self._memory = mmap.mmap(self.descriptor, os.fstat(self.descriptor).st_size)
