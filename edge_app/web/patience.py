"""How long a connection may keep the server waiting: many that never ask anything would keep others out."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S: Final = 8.0
"""A connection on which no request came to its end for so long is closed."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1; ends a connection that waits for the rest of a request, or for the first, too long."""

    _impatience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection begins."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection ended."""
        if self._impatience is not None:
            self._impatience.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._asked = self.cycle
        self._impatience = self.loop.call_later(REQUEST_S, self._look)

    def _look(self) -> None:
        answered = self.cycle is None or self.cycle.response_complete
        if self.cycle is self._asked and answered and not self.transport.is_closing():
            self.transport.close()
        else:
            self._wait()
