"""What happens to the broker and to the link while the service is killed."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias, get_args

from tools.faulting.mosquitto import PersistentMosquitto
from tools.faulting.proxy import FaultProxy

Fault: TypeAlias = Literal["restart", "kill", "hang", "refuse connections", "refuse login", "stall", "lossy", "cut"]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)

PAUSE_S: Final = (0.1, 1.0)
"""Between two faults."""
LENGTH_S: Final = (0.05, 0.8)
"""Of a fault."""
LONG_HANG_S: Final = 11.0
"""Longer than twice the keepalive, so that the service notices; one hang in LONG_HANG_EVERY is so long."""
LONG_HANG_EVERY: Final = 40


class Weather:
    """Faults at random moments, in a thread of its own; all is well again when it is left.

    Args:
        broker: To restart, kill, hang and refuse.
        proxy: Between the service and the broker.
        faults: Which occur.
        seed: Of order, moments and lengths.
    """

    def __init__(self, broker: PersistentMosquitto, proxy: FaultProxy, faults: Sequence[Fault], seed: int) -> None:
        self._broker, self._proxy, self._faults = broker, proxy, faults
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self.count = 0
        """Faults so far."""
        self._does: dict[Fault, Callable[[], None]] = {
            "restart": lambda: self._away(broker.stop),
            "kill": lambda: self._away(broker.kill),
            "hang": self._hang,
            "refuse connections": lambda: self._link("refusing"),
            "refuse login": self._refuse_login,
            "stall": lambda: self._link("stalled"),
            "lossy": lambda: self._link("lossy", 3),
            "cut": proxy.cut,
        }
        self._thread = threading.Thread(target=self._run, name="weather", daemon=True)

    def __enter__(self) -> Self:
        if self._faults:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._faults:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._random.uniform(*PAUSE_S)):
                self._does[self._random.choice(self._faults)]()
                self.count += 1
        except BaseException as error:  # told by the thread that waits
            self._error = error

    def _some_time(self, times: float = 1) -> None:
        time.sleep(self._random.uniform(*LENGTH_S) * times)

    def _away(self, end: Callable[[], None]) -> None:
        end()
        self._some_time()
        self._broker.start()

    def _hang(self) -> None:
        self._broker.suspend()
        if self._random.randrange(LONG_HANG_EVERY) == 0:
            time.sleep(LONG_HANG_S)
        else:
            self._some_time()
        self._broker.resume()

    def _refuse_login(self) -> None:
        self._broker.stop()
        self._broker.start(anonymous=False)
        self._some_time()
        self._broker.stop()
        self._broker.start()

    def _link(self, state: Literal["refusing", "stalled", "lossy"], times: float = 1) -> None:
        self._proxy.set_state(state)
        self._some_time(times)
        self._proxy.set_state("good")
