"""How often somebody may try a password: failures are counted by address and by account."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

FREE_FAILURES: Final = 5
"""So many failures in a row cost nothing: people mistype."""
FIRST_WAIT_S: Final = 2.0
LONGEST_WAIT_S: Final = 300.0
"""The wait doubles with each further failure, from the first to the longest. An account is never locked for good: that
would let anybody lock people out."""
FORGOTTEN_S: Final = 3600.0
REMEMBERED: Final = 4096
"""Keys; the one that was used longest ago is forgotten first."""


class Throttle:
    """Counts failures by key.

    Args:
        clock: Monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Key -> failures in a row, and when the last one was."""

    def wait_s(self, *keys: str) -> float:
        """How long to wait before the next try; 0: now."""
        return max((self._wait_of(key) for key in keys), default=0.0)

    def failed(self, *keys: str) -> None:
        """A try was wrong. Call it before a try, and ``succeeded`` after it, so that tries at once count too."""
        now = self._clock()
        for key in keys:
            count, last_s = self._failures.pop(key, (0, now))
            self._failures[key] = (1 if now - last_s > FORGOTTEN_S else count + 1, now)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """A try was right: its keys begin anew."""
        for key in keys:
            self._failures.pop(key, None)

    def _wait_of(self, key: str) -> float:
        count, last_s = self._failures.get(key, (0, 0.0))
        over = count - FREE_FAILURES
        if over < 0:
            return 0.0
        length_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(over, 10))
        return max(0.0, last_s + length_s - self._clock())
