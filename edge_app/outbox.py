"""Which reports are on their way: a few at a time, in order, each until the broker has answered or, where receipts are
asked for, until an application has.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from edge_app.errors import StoreError
from edge_app.identifiers import MAIN
from edge_app.store import Store, UnsentReport

LOSSES_UNTIL_REFUSED: Final = 5
"""When the broker ends so many connections in a row on one report that was sent alone, that report is the reason."""
PAUSE_S: Final = 5.0
"""Before trying again what the store or the broker would not do just now."""
FETCHED: Final = 64
"""Reports read from the store at a time."""
SETTLED: Final = 256
"""Delivered reports that are taken out of the store's outbox at a time, while others are on their way."""
SETTLED_AFTER_S: Final = 0.1
"""A delivered report waits at most so long for that. After a crash in between it is sent again."""
LONGEST_RECEIPT_TIMEOUT_S: Final = 3600.0
"""The wait for a receipt doubles up to this while none comes: every repeat lies in the broker's queue for whoever is
away."""

logger = logging.getLogger(__name__)


class Outbox:
    """The window on the store's outbox, used by one thread. Only the window is held in memory.

    Args:
        store: Holds the reports.
        size: Reports on their way at the same time.
        on_refused: Called with a report that will not be sent again by itself, and the reason.
        receipt_timeout_s: A report leaves the outbox with an application's receipt; when none came for so long, it is
            sent again with all that follow it. None: it leaves when the broker has it.
        destination: The broker's name.
        urgent_first: The newest report that a person asked for goes before all others.
    """

    def __init__(
        self,
        store: Store,
        size: int,
        on_refused: Callable[[UnsentReport, str], None],
        receipt_timeout_s: float | None = None,
        destination: str = MAIN,
        urgent_first: bool = False,
    ) -> None:
        self._store, self._size, self._on_refused = store, size, on_refused
        self._destination, self._urgent_first = destination, urgent_first
        self._shortest_receipt_timeout_s = self._receipt_timeout_s = receipt_timeout_s
        self._window = size
        self._on_way: dict[int, UnsentReport] = {}
        """In the order of sending."""
        self._sent_at: dict[int, float] = {}
        """Monotonic, for those that wait for a receipt."""
        self._ready: deque[UnsentReport] = deque()
        """Read from the store, and next to be sent."""
        self._delivered: set[int] = set()
        """Acknowledged, but still in the store's outbox."""
        self._settle_at = 0.0
        self._after = 0
        self._pause_until = 0.0
        self._answered = False
        self._suspect = 0
        self._suspect_losses = 0
        self.empty = False
        """Nothing was left to send when ``next`` was called last."""

    @property
    def settled(self) -> bool:
        """Nothing is left to send, and all that was sent has been answered."""
        return self.empty and not self._on_way

    def connection_opened(self) -> None:
        """Begin at the oldest unsent report."""
        self._begin_after(0)
        self._answered = False
        self.empty = False

    def next(self, limit: int) -> list[UnsentReport]:
        """The reports to send now, in order; from now on they are on their way.

        Args:
            limit: At most so many.
        """
        self._look_for_receipts()
        room = min(limit, self._window - len(self._on_way))
        if time.monotonic() < self._pause_until:
            self.empty = True
            return []
        if room <= 0:
            self.empty = False
            return []
        fresh: list[UnsentReport] = []
        try:
            if self._urgent_first:
                fresh += self._urgent(room)
            while len(fresh) < room and (self._ready or self._fetch()):
                row = self._ready.popleft()
                if row not in fresh and self._waits(row):
                    fresh.append(row)
        except StoreError as error:
            self._ready.extendleft(reversed(fresh))
            self._pause(error)
            return []
        self._on_way |= {row.outbox_id: row for row in fresh}
        self._sent_at |= dict.fromkeys((row.outbox_id for row in fresh), time.monotonic())
        self.empty = not fresh
        return fresh

    def _waits(self, row: UnsentReport) -> bool:
        return row.outbox_id not in self._on_way and row.outbox_id not in self._delivered

    def _urgent(self, room: int) -> list[UnsentReport]:
        """The newest urgent ones that are not on their way."""
        known = len(self._on_way) + len(self._delivered)
        rows = self._store.newest_urgent(room + known, self._destination)
        chosen = [row for row in rows if self._waits(row)][:room]
        if chosen:
            self._ready = deque(row for row in self._ready if row not in chosen)
        return chosen

    def _fetch(self) -> bool:
        """Read the next reports from the store; False if there is none."""
        rows = self._store.next_unsent(self._after, FETCHED, self._destination)
        if rows:
            self._after = rows[-1].outbox_id
        self._ready.extend(rows)
        return bool(rows)

    def _begin_after(self, outbox_id: int) -> None:
        self._after = outbox_id
        self._ready.clear()

    def delivered(self, report: UnsentReport) -> None:
        """The broker has it."""
        if self._receipt_timeout_s is None:
            self._answer(report)
            self._delivered.add(report.outbox_id)
        else:
            self._note_answer()

    def receipted(self, report_id: str, refusal: str | None = None) -> None:
        """An application says that it has kept a report, or why it will not.

        It may be one that was sent over an earlier connection, or by an earlier run.
        """
        if self._receipt_timeout_s is None:
            return
        report = next((row for row in self._on_way.values() if row.report_id == report_id), None)
        try:
            report = report or self._store.find_unsent(report_id, self._destination)
        except StoreError as error:
            self._pause(error)
        if report is None:
            return
        if self._receipt_timeout_s != self._shortest_receipt_timeout_s:
            # The application is back, and is about to answer the others too.
            self._receipt_timeout_s = self._shortest_receipt_timeout_s
            self._sent_at = dict.fromkeys(self._on_way, time.monotonic())
        if refusal is not None:
            self.refused(report, refusal)
            return
        self._answer(report)
        self._delivered.add(report.outbox_id)

    def refused(self, report: UnsentReport, reason: str) -> None:
        """The broker will never take it as it is."""
        self._answer(report)
        self._refuse(report, reason)

    def postponed(self, report: UnsentReport, reason: str) -> None:
        """The broker would not take it just now: it is sent again after a pause."""
        self._answer(report)
        self._begin_after(min(self._after, report.outbox_id - 1))
        self._pause(reason)

    def settle(self) -> None:
        """Take what was delivered out of the store's outbox."""
        if not self._delivered or time.monotonic() < self._pause_until:
            return
        try:
            self._store.mark_delivered(self._delivered)
        except StoreError as error:
            self._pause(error)
            return
        self._delivered.clear()

    def settle_some(self) -> None:
        """The same, many at a time while others are on their way: each time costs a write to the disk."""
        if not self._delivered:
            self._settle_at = time.monotonic() + SETTLED_AFTER_S
        elif not self._on_way or len(self._delivered) >= SETTLED or time.monotonic() >= self._settle_at:
            self.settle()

    def connection_lost(self, closed_by_broker: bool) -> None:
        """What was on its way is sent again at the next connection.

        A broker that ends the connection whenever it gets a certain report (too large, forbidden, a bug) would hold up
        all others for ever. So after a loss without any answer reports go alone, until one is answered; and the one
        that ends ``LOSSES_UNTIL_REFUSED`` connections in a row is refused.
        """
        if self._on_way and closed_by_broker and not self._answered:
            first = self._on_way[min(self._on_way)]
            alone = self._window == 1 and first.outbox_id == self._suspect
            self._suspect, self._suspect_losses = first.outbox_id, self._suspect_losses + 1 if alone else 1
            self._window = 1
            if self._suspect_losses >= LOSSES_UNTIL_REFUSED:
                self._refuse(first, "the broker ends the connection whenever it gets this report")
                self._suspect_losses = 0
        self._on_way.clear()

    def _look_for_receipts(self) -> None:
        """Send everything from the oldest report on again when its receipt is overdue: what follows it may have been
        lost with it, and has to come after it."""
        if self._receipt_timeout_s is None or not self._on_way:
            return
        if time.monotonic() - self._sent_at[next(iter(self._on_way))] > self._receipt_timeout_s:
            logger.warning(
                "no receipt after %.0f s: %d reports are sent again", self._receipt_timeout_s, len(self._on_way)
            )
            self._receipt_timeout_s = min(2 * self._receipt_timeout_s, LONGEST_RECEIPT_TIMEOUT_S)
            self._begin_after(0)
            self._on_way.clear()

    def _answer(self, report: UnsentReport) -> None:
        # With receipts, the broker's answer may come after the application's, or after the report was sent again.
        self._on_way.pop(report.outbox_id, None)
        self._sent_at.pop(report.outbox_id, None)
        self._note_answer()

    def _note_answer(self) -> None:
        self._answered = True
        self._window = self._size
        self._suspect_losses = 0

    def _refuse(self, report: UnsentReport, reason: str) -> None:
        self._ready = deque(row for row in self._ready if row.outbox_id != report.outbox_id)
        try:
            self._store.mark_refused(report.outbox_id, reason)
        except StoreError as error:
            self._pause(error)
            return
        self._on_refused(report, reason)

    def _pause(self, reason: object) -> None:
        logger.warning("sending pauses for %.0f s: %s", PAUSE_S, reason)
        self._pause_until = time.monotonic() + PAUSE_S
        self.empty = True
