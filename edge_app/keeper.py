"""Put reports into the store; where it cannot take them, stop and say so until it can. No report is dropped."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from edge_app.clock import wall_time_trusted
from edge_app.errors import StoreFull, StoreUnavailable
from edge_app.messages import PartState, Report
from edge_app.records import Evidence
from edge_app.store import Retention, Store

RETRY_S: Final = 5.0
"""Between two attempts to keep a report."""
PRUNE_EVERY_S: Final = 60.0
PRUNED_BATCHES: Final = 10
"""At a time, so that no report waits long for its place."""

logger = logging.getLogger(__name__)


class Keeper:
    """Keeps reports, used by one thread.

    Args:
        store: Where.
        retention: What may be dropped of what was delivered.
        stopping: Ends a wait.
        changed: Called when ``state`` is another one.
        unsent_alarm_s: A report that waits longer than this for its delivery is shouted about.
    """

    def __init__(
        self,
        store: Store,
        retention: Retention,
        stopping: threading.Event,
        changed: Callable[[], None] = lambda: None,
        unsent_alarm_s: float = float("inf"),
    ) -> None:
        self._store, self._retention, self._stopping, self._changed = store, retention, stopping, changed
        self._unsent_alarm_s = unsent_alarm_s
        self._state = PartState(state="ok")
        self._next_prune_at = 0.0

    def keep(self, report: Report, evidence: tuple[Evidence, ...] = ()) -> None:
        """Return when the report is safe; waits as long as it takes.

        Raises:
            StoreUnavailable: It could not be kept, and the service is being stopped.
            StoreError: The store is damaged, or a bug; the service has to begin anew.
        """
        if time.monotonic() >= self._next_prune_at:
            self._prune()
        while True:
            try:
                self._store.put(report, evidence)
            except StoreUnavailable as error:
                self._set_state("full" if isinstance(error, StoreFull) else "failed", str(error))
                if self._stopping.wait(RETRY_S):
                    raise
                self._prune()
                # An error of the disk at the end of a transaction may leave open whether it was committed.
                if self._is_kept(report.report_id):
                    break
            else:
                break
        self._set_state("ok", "")

    def state(self, oldest_unsent_at: datetime | None) -> PartState:
        """``ok``; ``full`` or ``failed`` while a report waits to be kept; ``overdue``; ``damaged``.

        Args:
            oldest_unsent_at: When the report was made that waits longest for its delivery.
        """
        if self._state.state != "ok":
            return self._state
        if (overdue := overdue_state(oldest_unsent_at, self._unsent_alarm_s)) is not None:
            return overdue
        if self._store.set_aside is not None:
            reason = f"the store was damaged and is set aside as {self._store.set_aside.name}: check the disk"
            return PartState(state="damaged", reason=reason)
        return self._state

    def _prune(self) -> None:
        self._next_prune_at = time.monotonic() + PRUNE_EVERY_S
        try:
            now = datetime.now(UTC) if wall_time_trusted() else None
            pruned = self._store.prune(self._retention, now, PRUNED_BATCHES)
        except StoreUnavailable as error:
            logger.warning("nothing is pruned: %s", error)
            return
        if pruned:
            logger.info("pruned: %d delivered reports, the evidence of %d others", pruned.reports, pruned.evidence)

    def _is_kept(self, report_id: str) -> bool:
        try:
            return self._store.read(report_id) is not None
        except StoreUnavailable:
            return False

    def _set_state(self, state: str, reason: str) -> None:
        if (state, reason) != (self._state.state, self._state.reason):
            self._state = PartState(state=state, reason=reason)
            if reason:
                logger.error("no report is made until there is room for it: %s", reason)
            else:
                logger.warning("reports are kept again")
            self._changed()


def overdue_state(oldest_unsent_at: datetime | None, unsent_alarm_s: float) -> PartState | None:
    """``overdue`` if a report waits too long to be delivered.

    Args:
        oldest_unsent_at: When the report was made that waits longest.
        unsent_alarm_s: How long is too long.
    """
    age_s = 0.0 if oldest_unsent_at is None else (datetime.now(UTC) - oldest_unsent_at).total_seconds()
    if age_s <= unsent_alarm_s:
        return None
    reason = f"a report waits for {age_s / 3600:.0f} hours to be delivered: see to broker and network"
    return PartState(state="overdue", reason=reason)
