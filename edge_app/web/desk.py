"""Everything that the page's requests need, in one place."""

import asyncio
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from edge_app.clock import wall_time_trusted
from edge_app.keeper import overdue_state
from edge_app.messages import Health, PartState
from edge_app.web.accounts import Accounts
from edge_app.web.live_pictures import LivePictures
from edge_app.web.service_link import ServiceLink
from edge_app.web.settings import PageSettings
from edge_app.web.shapes import Disk, LiveState
from edge_app.web.throttle import Throttle
from edge_app.web.worklist import Worklist

COUNTED_EVERY_S: Final = 1.0
"""The store is counted at most so often, however many look ..."""
COUNTING_SHARE: Final = 20
"""... and so many times longer than counting takes lies between: a large store is counted seldom."""


@dataclass(slots=True)
class Desk:
    """What the requests share; used in the event loop's thread."""

    settings: PageSettings
    accounts: Accounts
    link: ServiceLink
    pictures: LivePictures
    now: Worklist
    """For what is shown live: quick questions alone."""
    past: Worklist
    """For lists, searches and exports, which may take a while."""
    setup_code: str
    """What the first person has to know; empty once there is an account."""
    throttle: Throttle = field(default_factory=Throttle)
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """One password at a time: each takes 32 MiB and a core."""
    hashing_waiting: int = 0
    replaying: asyncio.Lock = field(default_factory=asyncio.Lock)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0
    started_s: float = field(default_factory=time.monotonic)
    _counted: "tuple[float, Counted] | None" = None
    """When to count again, and what was counted."""

    def counted(self) -> "Counted":
        """The store's figures, seconds old at most but for a large store.

        Raises:
            StoreError: It cannot be read.
        """
        now = time.monotonic()
        if self._counted is None or now > self._counted[0]:
            counts = self.now.counts()
            try:
                usage = shutil.disk_usage(self.settings.store_path.parent)
                disk = Disk(free_bytes=usage.free, total_bytes=usage.total)
            except OSError:
                disk = None
            fresh = Counted(
                counts.reports,
                counts.unsent,
                counts.refused,
                counts.oldest_unsent_at,
                counts.size_bytes,
                disk,
                wall_time_trusted(),
            )
            took_s = time.monotonic() - now
            self._counted = (now + max(COUNTED_EVERY_S, COUNTING_SHARE * took_s), fresh)
        return self._counted[1]

    def live_state(self) -> LiveState:
        """How everything is now.

        Raises:
            StoreError: The store cannot be read.
        """
        link, status, counted = self.link, self.settings.status, self.counted()
        state, reason = link.service_state()
        line = link.state or {}
        unknown = PartState(state="unknown", reason=reason)
        said = Health.model_validate(line["health"]) if line else None
        counts = {
            "reports": counted.reports,
            "unsent": counted.unsent,
            "refused": counted.refused,
            "oldest_unsent_at": counted.oldest_unsent_at,
        }
        store = PartState(state="ok") if said is None else PartState(state=said.store.state, reason=said.store.reason)
        if store.state == "ok":  # the service leaves the counting to this process
            store = overdue_state(counted.oldest_unsent_at, self.settings.unsent_alarm_s) or store
        signal = unknown if said is None else said.signal
        looks = signal.state in ("live", "still") and state == "running"
        return LiveState.model_validate(
            {
                "at": datetime.now(UTC),
                "device_id": status.device_id,
                "session": status.session,
                "software": status.software,
                "started_at": status.started_at,
                "service": {"state": state, "reason": reason},
                "capture": unknown.model_dump() if said is None else said.capture.model_dump(),
                "signal": signal.model_dump(),
                "store": store.model_dump() | counts,
                "link": unknown.model_dump() if said is None else said.link.model_dump(),
                "controller": None if said is None or said.controller is None else said.controller.model_dump(),
                "broker": unknown.model_dump() if said is None else said.broker.model_dump(),
                "further_brokers": () if said is None else [one.model_dump() for one in said.further_brokers],
                "modules": None if said is None or said.modules is None else said.modules.model_dump(),
                "temperature": None if said is None else said.temperature,
                "clock_trusted": counted.clock_trusted,
                "frames_per_second": round(link.frames_per_second(), 1),
                "analysing": bool(line.get("analysing")),
                "picture": line.get("picture"),
                "classification": line.get("classification") if looks else None,
                "frozen": line.get("frozen"),
                "viewers": self.pictures.viewers,
                "disk": None if counted.disk is None else counted.disk.model_dump(),
            }
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """Figures of the store, its disk and the clock."""

    reports: int
    unsent: int
    refused: int
    oldest_unsent_at: datetime | None
    size_bytes: int
    disk: Disk | None
    clock_trusted: bool
