"""The newest picture of a device that doesn't wait, read in a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edge_app.errors import CameraLost
from edge_app.records import Frame
from edge_app.sources.base import Description

logger = logging.getLogger(__name__)

FAILED_READS: Final = 3
"""So many reads in a row without a picture mean that the device is gone; one alone is a picture garbled on the way."""
MAX_AGE_NS: Final = 1_000_000_000
"""A picture that is older when its turn comes is not given any more."""
CLOSE_WAIT_S: Final = 2.0
"""How long ``close`` waits for a driver call to return before it leaves the thread to itself."""
DRIVER_DELAY_NS: Final = 1_000_000_000
"""A driver's timestamp that is older when the picture is read, or in the future, is of another clock."""
RECONNECT_FIRST_S: Final = 0.25
RECONNECT_LONGEST_S: Final = 4.0
"""Pauses between attempts to connect again double from the first to the longest."""


@dataclass(frozen=True, slots=True)
class CaptureFormat:
    """What a device is asked for, or gives; 0 or empty for what is left to the device, or what it doesn't say."""

    width_px: int = 0
    height_px: int = 0
    rate_hz: float = 0.0
    pixel_format: str = ""
    """Four characters, for example ``YUYV`` or ``MJPG``."""

    def differences(self, given: "CaptureFormat") -> list[str]:
        """In words, what was asked (not left open) and is given otherwise."""
        wanted, got = asdict(self), asdict(given)
        return [f"{key} {got[key]} instead of {wanted[key]}" for key in wanted if wanted[key] not in ("", 0, got[key])]


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """One picture as the device gave it."""

    pixels: NDArray[np.uint8]
    device_ms: float = 0.0
    """The device's own timestamp; 0 if it has none. The same one twice is the same picture twice."""
    captured_ns: int = 0
    """Monotonic clock of this boot; 0: when it was read."""
    passed_over: int = 0
    """Pictures that the device gave since the last one that was read, and that nobody can have any more."""


NOT_YET: Final = Captured(np.empty((0, 0), np.uint8))
"""What a device's ``read`` returns if no picture came in a short time, and that is no failure yet."""


class CaptureDevice(Protocol):
    """A capture card, camera or stream; ``open``, ``read`` and ``close`` are called from one and the same thread."""

    backend: str

    def open(self, asked: CaptureFormat) -> CaptureFormat:
        """Open it and return what it really gives, read back.

        Raises:
            CameraLost: It is not there, in use, or gives no pictures.
        """

    def read(self) -> Captured | None:
        """Wait for the next picture; None if there is none, ``NOT_YET`` if it may still come."""

    def close(self) -> None:
        """Let go of the device; may come twice."""


class LiveSource:
    """A source on a ``CaptureDevice``: the newest picture wins, pictures that nobody fetched are gaps in the sequence.

    A thread opens the device, reads it as fast as it gives pictures, and closes it; a driver call that hangs hangs
    that thread alone.
    """

    live: Final = True

    def __init__(
        self,
        name: str,
        device: CaptureDevice,
        asked: CaptureFormat,
        *,
        open_s: float = 10.0,
        stall_s: float = 3.0,
        reconnect_s: float = 0.0,
        way_out: str = "",
    ) -> None:
        """Args:
        name: What the user calls the device, without credentials.
        open_s: Longest wait for the device to open.
        stall_s: Longest time without a new picture.
        reconnect_s: How long to try to connect again after a loss, before it is told.
        way_out: What a person can do about a loss; ends the error's text.
        """
        self.name = name
        self._device = device
        self._asked = asked
        self._given = CaptureFormat()
        self._open_s, self._stall_s, self._reconnect_s = open_s, stall_s, reconnect_s
        self._way_out = way_out
        self._state = threading.Condition()
        self._thread: threading.Thread | None = None
        self._session = _Session()
        self.on_frame: Callable[[Frame], None] = lambda frame: None
        """Called in the reading thread with every picture, also those that nobody fetches."""
        self._read_count = 0
        self._counts = {
            "frames_given": 0, "frames_dropped": 0, "frames_stale": 0, "pictures_repeated": 0, "reconnects": 0,
        }  # fmt: skip

    def __enter__(self) -> Self:
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(CLOSE_WAIT_S)
            if self._thread.is_alive():
                raise CameraLost(f"{self.name}: the driver has not returned from its last call yet. {self._way_out}")
        session = self._session = _Session()
        self._thread = threading.Thread(target=self._read_on, args=(session,), name=f"read {self.name}", daemon=True)
        self._thread.start()
        with self._state:
            answered = self._state.wait_for(lambda: session.opened or session.error, self._open_s)
        if session.error or not answered:
            self.close()
            raise session.error or CameraLost(f"{self.name} did not open within {self._open_s:g} s. {self._way_out}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading and let go of the device; the thread is gone then, unless a driver call hangs."""
        with self._state:
            self._session.stopping.set()
            self._state.notify_all()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_WAIT_S)
            if thread.is_alive():
                logger.warning("%s: a driver call hangs; the device is let go when it returns", self.name)

    def frames(self) -> Iterator[Frame]:
        """Each time the newest picture.

        Raises:
            CameraLost: No new picture for ``stall_s`` (and ``reconnect_s``), or the device is gone.
        """
        session = self._session
        patience_s = self._stall_s + self._reconnect_s
        while True:
            with self._state:
                self._state.wait_for(lambda: session.newest or session.error or session.stopping.is_set(), patience_s)
                frame, session.newest = session.newest, None
            if session.stopping.is_set():
                return
            if frame is None:
                silence = f"{self.name} has given no new picture for {patience_s:g} s. {self._way_out}"
                raise session.error or CameraLost(silence)
            if time.monotonic_ns() - frame.captured_ns > MAX_AGE_NS:  # it waited here for who was busy, or for a driver
                self._counts["frames_stale"] += 1
                continue
            self._counts["frames_given"] += 1
            yield frame

    def describe(self) -> Description:
        """``asked_*`` and ``given_*`` size, rate and format; ``backend``; counts of frames given and dropped."""
        return {
            "source": self.name,
            "backend": self._device.backend,
            **{f"asked_{key}": value for key, value in asdict(self._asked).items()},
            **{f"given_{key}": value for key, value in asdict(self._given).items()},
            **self._counts,
        }

    def _read_on(self, session: "_Session") -> None:
        """The reading thread: open, read until told to stop or the device is gone, close."""
        try:
            self._open(session)
            while not session.stopping.is_set():
                why = self._read_until_lost(session)
                if why and not self._reconnect(session):
                    raise CameraLost(why)
        except Exception as error:  # a bug too: it is raised where the frames are read, not lost with the thread
            with self._state:
                session.error = error
                self._state.notify_all()
        finally:
            self._device.close()

    def _open(self, session: "_Session") -> None:
        self._given = self._device.open(self._asked)
        if changed := self._asked.differences(self._given):
            logger.warning("%s gives %s", self.name, ", ".join(changed))
        with self._state:
            session.opened = True
            self._state.notify_all()

    def _read_until_lost(self, session: "_Session") -> str:
        """Why the device counts as lost; empty if the source was closed."""
        failed, last_ms = 0, 0.0
        while not session.stopping.is_set():
            captured = self._device.read()
            if captured is None:
                failed += 1
                if failed == FAILED_READS:
                    return f"{self.name} gives no pictures any more. {self._way_out}"
                continue
            if captured is NOT_YET:
                continue
            failed = 0
            self._read_count += captured.passed_over
            self._counts["frames_dropped"] += captured.passed_over
            if captured.device_ms and captured.device_ms <= last_ms:  # the last picture again, or one from before
                self._counts["pictures_repeated"] += 1
                continue
            last_ms = captured.device_ms
            frame = self._frame(captured, session)
            self._read_count += 1
            self.on_frame(frame)
            with self._state:
                self._counts["frames_dropped"] += session.newest is not None
                session.newest = frame
                self._state.notify_all()
        return ""

    def _frame(self, captured: Captured, session: "_Session") -> Frame:
        """The frame, stamped with the driver's time where that is on the monotonic clock of this machine."""
        now_ns = time.monotonic_ns()
        read_ns = captured.captured_ns or now_ns
        driver_ns = int(captured.device_ms * 1e6)
        captured_ns = driver_ns if 0 <= read_ns - driver_ns < DRIVER_DELAY_NS else read_ns
        captured_ns = max(captured_ns, session.last_ns + 1)
        session.first_ns, session.last_ns = session.first_ns or captured_ns, captured_ns
        return Frame(
            captured.pixels, self._read_count, captured_ns,
            datetime.now(UTC) - timedelta(microseconds=(now_ns - captured_ns) / 1000), self.name,
            clip_id=f"{self.name}@{session.started_at}",
            time_s=(captured_ns - session.first_ns) / 1e9,
        )  # fmt: skip

    def _reconnect(self, session: "_Session") -> bool:
        """Whether the device could be opened again within ``reconnect_s``, or the source was closed meanwhile."""
        pause_s, deadline_s = RECONNECT_FIRST_S, time.monotonic() + self._reconnect_s
        while time.monotonic() + pause_s < deadline_s:
            self._device.close()
            if session.stopping.wait(pause_s):
                return True
            try:
                self._open(session)
            except CameraLost as error:
                logger.info("%s", error)
                pause_s = min(2 * pause_s, RECONNECT_LONGEST_S)
            else:
                self._counts["reconnects"] += 1
                return True
        return False


class _Session:
    """From one entering of a source to its closing; guarded by the source's condition."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.first_ns = self.last_ns = 0
        self.stopping = threading.Event()
        self.opened = False
        self.error: Exception | None = None
        self.newest: Frame | None = None
