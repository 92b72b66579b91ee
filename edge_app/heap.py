"""Keep the C library from spreading frames over many heaps."""

import ctypes
from typing import Final

M_ARENA_MAX: Final = -8
"""Of glibc's malloc.h."""
ARENAS: Final = 2
"""Every thread may get an arena of its own, and each keeps what its frames once took: megabytes for nothing."""


def limit_arenas() -> bool:
    """Let all threads share two arenas; False where the C library knows no such thing. Before threads are started.

    Source: mallopt(3).
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS))
    except (OSError, AttributeError):
        return False
