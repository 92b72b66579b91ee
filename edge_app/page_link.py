"""What the service and the page's process tell one another: one JSON object a line, over a pair of sockets.

The service never waits for the page: what the page doesn't take in time is left out.
"""

import json
import socket
from typing import Any, Final, TypeAlias

Line: TypeAlias = dict[str, Any]
"""``kind`` says what it is.

From the service: ``hello`` (once, first: settings), ``state``, ``event``, ``answer`` (to an action, by its ``id``).
From the page: ``listening`` (address, and the setup code while there is no account), ``viewers`` (how many look at the
live picture; repeated), ``action`` (with ``id``, ``action``, ``by``, ``role`` and what it needs).
"""

LONGEST_LINE_BYTES: Final = 1 << 20
STATE_EVERY_S: Final = 1.0
"""The service tells its state at least so often; longer silence means that it hangs."""
VIEWERS_EVERY_S: Final = 1.0
"""The page says so often how many look, also when nobody does: a sign of life."""
VIEWERS_BELIEVED_S: Final = 4.0
"""Without a repetition for so long, nobody looks: the page is stopped or gone."""
CHUNK_BYTES: Final = 1 << 16


def encode(line: Line) -> bytes:
    """One line."""
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n"


class LineReader:
    """Puts together lines from pieces; a line that is too long or no JSON object is an error of the other side."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Line]:
        """The lines that are whole now.

        Raises:
            ValueError: What came is not lines of JSON.
        """
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE_BYTES:
            raise ValueError("a line is too long")
        lines = []
        for text in whole:
            line = json.loads(text)
            if not isinstance(line, dict) or not isinstance(line.get("kind"), str):
                raise ValueError("a line is not an object with a kind")
            lines.append(line)
        return lines


def receive_some(link: socket.socket) -> bytes | None:
    """What came; empty if the other side is gone, None if there is nothing just now."""
    try:
        return link.recv(CHUNK_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""
