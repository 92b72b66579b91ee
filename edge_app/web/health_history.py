"""Figures of the last hours, for the plots."""

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime
from typing import Final

from starlette.concurrency import run_in_threadpool

from edge_app.errors import StoreError
from edge_app.web.desk import Desk
from edge_app.web.shapes import Sample

INTERVAL_S: Final = 10.0
SAMPLES: Final = 2160
"""Six hours."""

logger = logging.getLogger(__name__)


class HealthRing:
    """Takes a sample every ``INTERVAL_S``; the last ``SAMPLES`` are kept, in memory.

    Args:
        desk: What the page knows.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._row = -1
        self.samples: deque[Sample] = deque(maxlen=SAMPLES)

    async def run(self) -> None:
        """Take samples until cancelled."""
        while True:
            self.samples.append(await run_in_threadpool(self.sample))
            await asyncio.sleep(INTERVAL_S)

    def sample(self) -> Sample:
        """The figures of now."""
        running = self._desk.link.service_state()[0] == "running"
        state = self._desk.link.state
        latency_ms, unsent = None, None
        try:
            latency_ms, unsent = self._latency_ms(), self._desk.counted().unsent
        except StoreError as error:
            logger.warning("the store cannot be read for the plots: %s", error)
        return Sample(
            at=datetime.now(UTC),
            frames_per_second=round(self._desk.link.frames_per_second(), 2) if running else None,
            latency_ms=latency_ms,
            unsent=unsent,
            temperature=None if state is None else state["health"]["temperature"],
        )

    def _latency_ms(self) -> float | None:
        """From capture to report, of the newest report on a frame since the sample before."""
        first = self._row < 0
        self._row, report_id = self._desk.now.newest(self._row)
        report = None if report_id is None or first else self._desk.now.read(report_id)
        if report is None or report.frame is None or report.amends is not None:
            return None
        return round(max(0.0, (report.created_at - report.frame.captured_at).total_seconds() * 1000), 1)
