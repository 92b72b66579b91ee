"""The controller's events, and which of them were taken: each once, and a count of those that never came."""

from dataclasses import dataclass

from firmware_bridge.codes import EventKind


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event of the controller on the host's clock."""

    kind: EventKind
    counter: int
    value: int
    """See ``messages.ControllerEvent``."""
    happened_ns: int
    """Monotonic clock."""
    uncertainty_ns: int
    """It happened at most so much earlier or later."""


class EventLedger:
    """Follows the controller's event counter through repeats, gaps, new sessions and resets."""

    def __init__(self) -> None:
        self.last_taken = 0
        self.lost = 0
        """Events that the controller had to drop, or that a reset took with it."""
        self.repeated = 0
        """Events that came more than once; taken once."""
        self.resets = 0
        """Times that the controller began anew while this host knew it."""
        self._newest_told = 0
        self._sessions: set[int] = set()
        """Sessions of this host with the controller since its last start."""
        self._time_us = 0

    def begin_session(self, session: int, previous_session: int, next_event: int, time_us: int) -> bool:
        """A session has begun.

        Args:
            session: The new one.
            previous_session: The one before it on the controller; 0 if it has just started.
            next_event: Counter of the first event that it will tell.
            time_us: The controller's time.

        Returns:
            Whether the controller has been running since this host talked to it last.
        """
        same_start = previous_session in self._sessions and time_us >= self._time_us
        if not same_start:
            if self._sessions:
                self.resets += 1
                self.lost += max(0, self._newest_told - self.last_taken)
            # Another host took the events before ``next_event``; after a start those before it are lost, and will
            # show as a gap.
            self.last_taken = next_event - 1 if previous_session else 0
            self._newest_told = 0
            self._sessions.clear()
        self._sessions.add(session)
        self._time_us = time_us
        return same_start

    def hear(self, newest_event: int, time_us: int) -> None:
        """The controller said which event is its newest, and the time."""
        self._newest_told = max(self._newest_told, newest_event)
        self._time_us = max(self._time_us, time_us)

    def take(self, counter: int) -> bool:
        """Whether the event with this counter is new; counts gaps and repeats."""
        if counter <= self.last_taken:
            self.repeated += 1
            return False
        self.lost += counter - self.last_taken - 1
        self.last_taken = counter
        self._newest_told = max(self._newest_told, counter)
        return True
