"""Which picture an event belongs to: the one whose time is nearest to the event's."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from firmware_bridge.ledger import TimedEvent

FrameT = TypeVar("FrameT")

KEPT_NS: Final = 500_000_000
"""Longest way of an event to the host: debounce, and a few tries on a bad line."""
KEPT_BYTES: Final = 64 * 2**20
"""Ten pictures of 1920 x 1080 in colour."""
FARTHEST_NS: Final = 500_000_000
"""A picture that is farther from an event than this is not its picture."""
WAIT_NS: Final = 500_000_000
"""How long to wait for a picture after the event, before one before it is taken."""


@dataclass(frozen=True, slots=True)
class Binding(Generic[FrameT]):
    """An event and its picture."""

    event: TimedEvent
    frame: FrameT | None
    """None: there was no picture near it."""
    offset_ns: int
    """The picture's time minus the event's; 0 without a picture."""


@dataclass(frozen=True, slots=True)
class _Kept(Generic[FrameT]):
    at_ns: int
    frame: FrameT
    size_bytes: int


class FrameBinder(Generic[FrameT]):
    """Keeps the last pictures and finds that of each event. Its methods may be called from any thread.

    Args:
        on_binding: Called once for each event, in the thread that brought what was missing.
        delay_ns: How long a picture takes from being exposed or shown until it is captured.
    """

    def __init__(self, on_binding: Callable[[Binding[FrameT]], None], delay_ns: int = 0) -> None:
        self._on_binding = on_binding
        self._delay_ns = delay_ns
        self._lock = threading.Lock()
        self._kept: deque[_Kept[FrameT]] = deque()
        self._kept_bytes = 0
        self._waiting: list[TimedEvent] = []

    def add_frame(self, frame: FrameT, captured_ns: int, size_bytes: int) -> None:
        """A picture has come.

        Args:
            frame: Kept as it is, so it should not change any more.
            captured_ns: Monotonic clock; not before the last one's.
            size_bytes: What keeping it costs.
        """
        at_ns = captured_ns - self._delay_ns
        with self._lock:
            self._kept.append(_Kept(at_ns, frame, size_bytes))
            self._kept_bytes += size_bytes
            while len(self._kept) > 2 and (
                self._kept_bytes > KEPT_BYTES or at_ns - self._kept[0].at_ns > KEPT_NS + FARTHEST_NS
            ):
                self._kept_bytes -= self._kept.popleft().size_bytes
        self._bind(captured_ns)

    def add_event(self, event: TimedEvent, now_ns: int) -> None:
        """An event has come."""
        with self._lock:
            self._waiting.append(event)
        self._bind(now_ns)

    def tick(self, now_ns: int) -> None:
        """Time has passed: bind the events that have waited long enough for a picture after them."""
        self._bind(now_ns)

    def _bind(self, now_ns: int) -> None:
        with self._lock:
            newest_ns = self._kept[-1].at_ns if self._kept else None
            too_old_ns = now_ns - WAIT_NS - self._delay_ns
            ready = [
                event
                for event in self._waiting
                if (newest_ns is not None and newest_ns >= event.happened_ns) or event.happened_ns < too_old_ns
            ]
            self._waiting = [event for event in self._waiting if event not in ready]
            bindings = [self._nearest(event) for event in ready]
        for binding in bindings:
            self._on_binding(binding)

    def _nearest(self, event: TimedEvent) -> Binding[FrameT]:
        nearest = min(self._kept, key=lambda kept: abs(kept.at_ns - event.happened_ns), default=None)
        if nearest is None or abs(nearest.at_ns - event.happened_ns) > FARTHEST_NS:
            return Binding(event, None, 0)
        return Binding(event, nearest.frame, nearest.at_ns - event.happened_ns)
