"""Do work in order in a second thread, with little of it waiting."""

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TypeAlias

Job: TypeAlias = Callable[[], None]

OFFERED_JOBS: Final = 1
"""With so many waiting, nothing that is only offered is taken: there is room for what is asked for."""
WAITING_JOBS: Final = 2
"""Each holds a frame; with so many waiting, whoever submits waits too."""
WAITING_WHEN_LIVE: Final = 4
"""The same for a live source, which goes on meanwhile; only pictures that were asked for come so close together."""


def run_now(job: Job) -> None:
    """Do it at once, in the caller's thread: the simplest of all ways to submit a job."""
    job()


class Background:
    """Runs jobs one by one, in the order in which they were submitted, while it is entered.

    An error of a job ends the work: those behind it are not run, and the next ``submit`` or ``wait`` raises it.
    """

    def __init__(self, name: str, waiting: int = WAITING_JOBS) -> None:
        self._jobs: queue.Queue[Job | None] = queue.Queue(waiting)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Run what was submitted, then end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def submit(self, job: Job) -> None:
        """Run the job after those before it; waits while too many wait."""
        self._raise_error()
        self._jobs.put(job)

    def offer(self, job: Job) -> bool:
        """Run the job after those before it; False, and it is not run, while others wait."""
        self._raise_error()
        if self._jobs.qsize() >= OFFERED_JOBS:
            return False
        self._jobs.put(job)
        return True

    def wait(self) -> None:
        """Wait until everything submitted so far is done."""
        self._jobs.join()
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        """In a function of its own, so that a job that is done lets go of its frame."""
        job = self._jobs.get()
        try:
            if job is not None and self._error is None:
                job()
        except BaseException as error:
            self._error = error
        finally:
            self._jobs.task_done()
        return job is not None
