"""Identifiers: those that sort by time, and the name of the main broker."""

import os
import threading
import time
import uuid
from typing import Final

MAIN: Final = ""
"""The destination of the section ``[mqtt]`` itself, in the outbox; further brokers have names."""

_lock = threading.Lock()
_last = 0


def uuid7() -> str:
    """A new UUID version 7: sorts by time, and always above the one before in this process.

    Source: RFC 9562, sections 5.7 and 6.2 method 2 (the random part counts up within a millisecond).
    """
    global _last
    random = int.from_bytes(os.urandom(10)) & ((1 << 74) - 1)
    with _lock:
        fresh = (time.time_ns() // 1_000_000) << 74 | random
        if fresh >> 74 <= _last >> 74:
            fresh = _last + 1 + (random & 0xFFFFFFFF)
        _last = fresh
    milliseconds, random_a, random_b = fresh >> 74, fresh >> 62 & 0xFFF, fresh & ((1 << 62) - 1)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b))
