"""Keeps a CAD module that fails again and again from costing every report its deadline."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FAILURES: Final = 3
"""So many failures or timeouts in a row open a module's breaker."""
FIRST_PAUSE_S: Final = 30.0
LONGEST_PAUSE_S: Final = 3600.0
"""Pauses double from the first to the longest; after each, the module is tried once."""


@dataclass(frozen=True, slots=True)
class BreakerChange:
    """What became of one module's breaker."""

    module: str
    open: bool
    """True: the module does not run; False: it works again."""
    reason: str
    """In plain words."""
    pause_s: float = 0.0
    """Until it is tried again; 0 if it is closed."""


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    """In a row."""
    pause_s: float = 0.0
    """Current pause; 0 while closed."""
    try_at_s: float = 0.0
    reason: str = ""
    """Of the last failure."""


class Breakers:
    """One breaker per module; from any thread.

    Closed: the module runs. Open: it does not, for a growing pause. Probation: after the pause it runs once; if that
    is well the breaker closes, else it opens for twice as long.

    Args:
        on_change: Told when a module's breaker opens, opens again, or closes.
        now_s: Monotonic clock.
    """

    def __init__(
        self,
        on_change: Callable[[BreakerChange], None] = lambda change: None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_change = on_change
        self._now_s = now_s
        self._breakers: dict[str, _Breaker] = {}
        self._lock = threading.Lock()

    def refusal(self, module: str) -> str:
        """Why the module must not run now, in plain words; empty if it may."""
        with self._lock:
            breaker = self._breakers.get(module)
            if breaker is None or not breaker.pause_s:
                return ""
            left_s = breaker.try_at_s - self._now_s()
            return f"switched off: {breaker.reason}; tried again in {left_s:.0f} s" if left_s > 0 else ""

    def record(self, module: str, failure: str = "") -> None:
        """Say how a run went.

        Args:
            module: Its name.
            failure: Why it failed or was ended; empty if it answered (that a picture does not suit it is an answer).
        """
        with self._lock:
            breaker = self._breakers.setdefault(module, _Breaker())
            change = self._after_failure(module, breaker, failure) if failure else self._after_answer(module, breaker)
        if change is not None:
            self._on_change(change)

    def open_now(self) -> dict[str, str]:
        """The modules whose breakers are open, with the reason; sorted by name. One on probation is among them."""
        with self._lock:
            return {name: breaker.reason for name, breaker in sorted(self._breakers.items()) if breaker.pause_s}

    def _after_failure(self, module: str, breaker: _Breaker, failure: str) -> BreakerChange | None:
        breaker.failures += 1
        if breaker.failures < FAILURES:
            return None
        breaker.pause_s = min(2 * breaker.pause_s or FIRST_PAUSE_S, LONGEST_PAUSE_S)
        breaker.try_at_s = self._now_s() + breaker.pause_s
        breaker.reason = f"failed {breaker.failures} times in a row, at last: {failure}"
        return BreakerChange(module, True, breaker.reason, breaker.pause_s)

    def _after_answer(self, module: str, breaker: _Breaker) -> BreakerChange | None:
        was_open = breaker.pause_s > 0
        self._breakers[module] = _Breaker()
        return BreakerChange(module, False, "works again") if was_open else None
