"""Which clocks a report bears, and whether this machine's wall clock can be believed."""

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge_app.messages import Amendment, ClockInfo

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
SYNCHRONISED: Final = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd once the clock was set from the network."""
TIME_ERROR: Final = 5
"""What adjtimex(2) returns while nothing keeps the clock right."""
TIMEX_BYTES: Final = 256
"""More than ``struct timex`` has on any machine; with ``modes`` 0 the kernel only writes to it."""


def boot_id() -> str:
    """This start of the machine, as the kernel calls it."""
    return BOOT_ID.read_text("ascii").strip()


def wall_time_trusted() -> bool:
    """True once the clock was set from the network: timesyncd says so, or the kernel does (chrony, ntpd, PTP)."""
    if SYNCHRONISED.exists():
        return True
    timex = (ctypes.c_char * TIMEX_BYTES)()
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    return 0 <= state < TIME_ERROR


def clock_now() -> ClockInfo:
    """The clocks for a report that is made now."""
    return ClockInfo(boot_id=boot_id(), monotonic_ns=time.monotonic_ns(), trusted=wall_time_trusted())


def amendment_now(device_id: str) -> Amendment:
    """What tells the true time of this boot's reports; for a clock that can be believed."""
    return Amendment(device_id=device_id, boot_id=boot_id(), at=datetime.now(UTC), monotonic_ns=time.monotonic_ns())
