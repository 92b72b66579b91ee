"""A capture device in a process of its own: a driver call can hang for ever, or take its process with it.

The process owns the device and decodes into a ``FrameRing``; the service reads the newest picture from it. A process
that ends, or gives no sign for ``silent_s``, is ended, and whoever reads the device is told that the camera is lost;
opening it again starts a fresh process.
"""

import logging
import multiprocessing
import multiprocessing.connection
import multiprocessing.reduction
import os
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edge_app.confinement import kill_tree, lead_session
from edge_app.errors import CameraLost
from edge_app.sources.frame_ring import FrameRing
from edge_app.sources.live import NOT_YET, Captured, CaptureDevice, CaptureFormat

log = logging.getLogger(__name__)

MakeDevice = Callable[[], CaptureDevice]
STOP_S: Final = 0.5
"""A process that was asked to let go of its device has done so, or is killed."""
KILL_S: Final = 2.0
POLL_S: Final = 0.2
"""How long ``read`` waits before it says that there is nothing yet."""

_CONTEXT: Final = multiprocessing.get_context("forkserver")


@runtime_checkable
class ReadsInto(Protocol):
    """A device that can put a picture where it is wanted, without a copy."""

    def read_into(self, place: Callable[[tuple[int, ...]], NDArray[np.uint8]]) -> Captured | None:
        """As ``CaptureDevice.read``; the pixels of what it returns lie in ``place`` of their shape, if they can."""


class CaptureProcess:
    """A ``CaptureDevice`` whose driver calls are made in another process.

    Args:
        choose_device: Called at each opening, here; what it returns (a function of a module, or a partial of one) makes
            the device, in the process.
        backend: What the device's is.
        open_s: Longest wait for it to open.
        silent_s: Without a sign for so long, the process hangs in a driver call and is ended.
    """

    def __init__(
        self,
        choose_device: Callable[[], MakeDevice],
        backend: str,
        open_s: float = 10.0,
        silent_s: float = 2.0,
        way_out: str = "",
    ) -> None:
        self.backend = backend
        self._choose_device = choose_device
        self._open_s, self._silent_s = open_s, silent_s
        self._way_out = way_out
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._ring: FrameRing | None = None
        self._bell = -1
        self._last = self._missed = 0

    @property
    def process_id(self) -> int:
        """Of the process that owns the device; 0 while there is none."""
        return 0 if self._process is None else self._process.pid or 0

    def open(self, asked: CaptureFormat) -> CaptureFormat:
        """Start the process and have it open the device."""
        self.close()
        self._last = self._missed = 0
        self._ring = FrameRing()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._connection, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=_capture_on, args=(theirs, self._choose_device(), asked), name="capture", daemon=True
        )
        try:
            self._process.start()
            theirs.close()
            for descriptor in (self._ring.descriptor, self._bell):
                multiprocessing.reduction.send_handle(self._connection, descriptor, self.process_id)
            if not self._connection.poll(self._open_s):
                raise CameraLost(f"the device did not open within {self._open_s:g} s. {self._way_out}")
            answer: CaptureFormat | Exception = self._connection.recv()
        except (EOFError, OSError) as error:
            self.close()
            raise CameraLost(f"the capture process ended while it opened the device. {self._way_out}") from error
        except CameraLost:
            self.close()
            raise
        if isinstance(answer, Exception):
            self.close()
            raise answer
        return answer

    def read(self) -> Captured | None:
        """The newest picture that was not read yet; ``NOT_YET`` if none came within a short time.

        Raises:
            CameraLost: The process ended, or hangs in a driver call (and was ended).
        """
        process, ring = self._process, self._ring
        if process is None or ring is None:
            return None
        ready = multiprocessing.connection.wait([self._bell, process.sentinel], POLL_S)
        if self._bell in ready:
            with suppress(BlockingIOError):
                os.eventfd_read(self._bell)
        elif ready:
            process.join(KILL_S)
            code = process.exitcode
            self.close()
            raise CameraLost(f"the capture process ended (exit code {code}). {self._way_out}")
        picture = ring.read() if ring.newest() != self._last else None
        if picture is not None:
            passed_over, self._last = picture.number - self._last - 1, picture.number
            return Captured(picture.pixels, picture.device_ms, picture.captured_ns, passed_over)
        if (missed := ring.missed()) != self._missed:
            self._missed = missed
            return None
        silent_s = (time.monotonic_ns() - ring.last_sign_ns()) / 1e9
        if silent_s > self._silent_s:
            self.close()
            raise CameraLost(f"a driver call hangs for {silent_s:.1f} s; its process was ended. {self._way_out}")
        return NOT_YET

    def close(self) -> None:
        """End the process: asked to, it lets go of the device in order; hanging, it is killed."""
        process, connection, ring, bell = self._process, self._connection, self._ring, self._bell
        self._process = self._connection = self._ring = None
        self._bell = -1
        if connection is not None:
            connection.close()
        if process is not None and process.pid is not None:
            process.join(STOP_S)
            if process.exitcode is None:
                kill_tree(process.pid)
                process.join(KILL_S)
            if process.exitcode is None:
                log.warning("capture process %d hangs in the kernel; it ends when its driver lets it go", process.pid)
            else:
                process.close()
        if ring is not None:
            ring.close()
        if bell >= 0:
            os.close(bell)


def _capture_on(connection: Connection, make_device: MakeDevice, asked: CaptureFormat) -> None:
    """The process: open the device, and write what it gives to the ring until the service goes or the device fails."""
    lead_session()
    with suppress(EOFError, OSError):
        ring = FrameRing(multiprocessing.reduction.recv_handle(connection))
        bell = multiprocessing.reduction.recv_handle(connection)
        device = make_device()
        try:
            answer: Any = device.open(asked)
        except Exception as error:  # told to the service, which raises it
            answer = error if isinstance(error, CameraLost) else RuntimeError(f"{type(error).__name__}: {error}")
        ring.live(time.monotonic_ns())
        connection.send(answer)
        try:
            while not isinstance(answer, Exception) and not _is_gone(connection):
                _read_one(device, ring)
                os.eventfd_write(bell, 1)
        finally:
            device.close()


def _read_one(device: CaptureDevice, ring: FrameRing) -> None:
    captured = device.read_into(ring.place) if isinstance(device, ReadsInto) else device.read()
    ring.live(time.monotonic_ns())
    if captured is None:
        ring.miss()
        return
    if not isinstance(device, ReadsInto):
        ring.place(captured.pixels.shape)[:] = captured.pixels
    ring.publish(captured.pixels.shape, captured.device_ms, captured.captured_ns or time.monotonic_ns())


def _is_gone(connection: Connection) -> bool:
    """Whether the service closed its end; it never sends anything."""
    return connection.poll()
