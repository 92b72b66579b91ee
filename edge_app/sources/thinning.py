"""Which pictures of a clip are wanted, when not all are."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thinning:
    """Every ``step``-th picture, and of these at most ``max_rate_hz`` in each second of the clip's own time."""

    step: int = 1
    max_rate_hz: float | None = None

    def __post_init__(self) -> None:
        if self.step < 1:
            raise ValueError(f"step is 1 or more, not {self.step}")
        if self.max_rate_hz is not None and not self.max_rate_hz > 0:
            raise ValueError(f"max_rate_hz is more than 0, not {self.max_rate_hz}")

    def start(self) -> Callable[[int, float], bool]:
        """A test for one pass through a clip: called with each picture's index and time_s, in order."""
        due_s = -float("inf")

        def is_wanted(index: int, time_s: float) -> bool:
            nonlocal due_s
            if index % self.step:
                return False
            if self.max_rate_hz is None:
                return True
            interval_s = 1 / self.max_rate_hz
            # Half a millisecond of grace: containers round timestamps to whole milliseconds.
            if time_s < due_s - 0.0005:
                return False
            due_s = time_s + interval_s if due_s < time_s - interval_s else due_s + interval_s
            return True

        return is_wanted
