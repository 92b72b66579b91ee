"""What every picture source is, and what happens to a file that cannot be read."""

import logging
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from edge_app.errors import UnreadableImage
from edge_app.records import Frame

logger = logging.getLogger(__name__)

OnUnreadable: TypeAlias = Callable[[UnreadableImage], None]
"""Called for each file that a source of several files skips; the text names the file and why."""

Description: TypeAlias = Mapping[str, str | int | float]
"""What was asked of a source and what it really gives; keys bear their unit."""


class Source(Protocol):
    """Gives pictures, one after the other.

    A source is entered, iterated once and left::

        with source:
            for frame in source.frames():
                ...

    It may be entered again after it was left, for example after ``CameraLost``: files start anew from sequence 0,
    a live source goes on counting.
    """

    @property
    def name(self) -> str:
        """The source as the user gave it, without credentials; every frame bears it or begins with it."""

    @property
    def live(self) -> bool:
        """True: pictures that nobody fetched in time are dropped, the newest wins. False: every picture comes."""

    def __enter__(self) -> Self:
        """Open the source.

        Raises:
            CameraLost: The device or stream is not there now; entering again later may help.
            SourceError: The source cannot be opened as it is.
        """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do what ``close`` does."""

    def frames(self) -> Iterator[Frame]:
        """The pictures in order, until the source ends or is closed.

        Raises:
            CameraLost: The device or stream went away (live sources).
            UnreadableImage: The file cannot be read, or not to its end (sources of one file). A source of several
                files calls its ``on_error`` instead and goes on with the next file.
        """

    def close(self) -> None:
        """Let go of devices, files and threads, and end ``frames``; may come twice, and from another thread."""

    def describe(self) -> Description:
        """What was asked and what the source really gives: size, rate, format, backend, counts so far."""


def log_unreadable(error: UnreadableImage) -> None:
    """The ``on_error`` for those who only want a line in the log."""
    logger.warning("skipped: %s", error)
