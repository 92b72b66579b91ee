"""End a wait for a socket from another thread."""

import contextlib
import socket


class Waker:
    """A pair of sockets: ``readable`` becomes readable when any thread calls ``wake``."""

    def __init__(self) -> None:
        self.readable, self._writable = socket.socketpair()
        self.readable.setblocking(False)
        self._writable.setblocking(False)

    def wake(self) -> None:
        """End the wait; may be called at any time and from any thread, after ``close`` too."""
        with contextlib.suppress(OSError):  # full: it is awake; closed: nobody waits
            self._writable.send(b"\0")

    def close(self) -> None:
        """Close both sockets."""
        self.readable.close()
        self._writable.close()
