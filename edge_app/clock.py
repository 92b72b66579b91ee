"""Whether this machine's wall clock can be believed."""

import ctypes
from pathlib import Path
from typing import Final

SYNCHRONISED: Final = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd once the clock was set from the network."""
TIME_ERROR: Final = 5
"""What adjtimex(2) returns while nothing keeps the clock right."""
TIMEX_BYTES: Final = 256
"""More than ``struct timex`` has on any machine; with ``modes`` 0 the kernel only writes to it."""


def wall_time_trusted() -> bool:
    """True once the clock was set from the network: timesyncd says so, or the kernel does (chrony, ntpd, PTP)."""
    if SYNCHRONISED.exists():
        return True
    timex = (ctypes.c_char * TIMEX_BYTES)()
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    return 0 <= state < TIME_ERROR
