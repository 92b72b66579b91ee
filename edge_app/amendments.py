"""Tell the true time of reports that were made before the clock was set."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from edge_app.clock import amendment_now, wall_time_trusted
from edge_app.errors import StoreError
from edge_app.identifiers import MAIN
from edge_app.messages import Amendment
from edge_app.store import Store

LOOK_EVERY_S: Final = 1.0

logger = logging.getLogger(__name__)


class ClockWatch:
    """Keeps an amendment in the store once the clock was set, if a report of this boot needs one.

    Args:
        store: Where.
        device_id: Of this box.
        kept: Called after one was kept.
    """

    def __init__(self, store: Store, device_id: str, kept: Callable[[], None]) -> None:
        self._store, self._device_id, self._kept = store, device_id, kept
        self._next_look_at = 0.0
        self._done = False

    def look(self) -> None:
        """Look at the clock, if it is time to; from any thread, as often as you like."""
        if self._done or time.monotonic() < self._next_look_at:
            return
        self._next_look_at = time.monotonic() + LOOK_EVERY_S
        if not wall_time_trusted():
            return
        try:
            if self._store.amend(amendment_now(self._device_id)):
                logger.info("the clock was set: the reports made before are amended")
                self._kept()
        except StoreError as error:
            logger.warning("no amendment is kept: %s", error)
            return
        self._done = True


class AmendmentOutbox:
    """Amendments on their way to the broker, used by the publisher's thread.

    Args:
        store: Holds them until they are delivered.
        destination: The broker's name.
    """

    def __init__(self, store: Store, destination: str = MAIN) -> None:
        self._store, self._destination = store, destination
        self._asked = threading.Event()

    def ask(self) -> None:
        """There may be one to send; from any thread."""
        self._asked.set()

    def next(self) -> list[Amendment]:
        """Those to send now; there are few."""
        if not self._asked.is_set():
            return []
        self._asked.clear()
        try:
            return self._store.undelivered_amendments(self._destination)
        except StoreError as error:  # the next connection tries again
            logger.warning("no amendment is published: %s", error)
            return []

    def delivered(self, amendment: Amendment) -> None:
        """The broker has it."""
        try:
            self._store.mark_amended(amendment.boot_id, self._destination)
        except StoreError as error:  # it is sent again at the next connection
            logger.warning("an amendment cannot be marked as delivered: %s", error)
