"""What the sources of one file have in common."""

from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from edge_app.sources.base import Description


class OneFile:
    """A source of one file, opened when it is read: nothing is held between ``frames``."""

    live: Final = False
    kind: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self._given: dict[str, str | int | float] = {}
        """What ``describe`` tells once the file was read; each source's docstring names the keys."""
        self._closed = False

    def __enter__(self) -> Self:
        self._closed = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End ``frames`` after the current picture; the file is let go when it ends."""
        self._closed = True

    def describe(self) -> Description:
        """``kind``, ``path``, and what the file turned out to hold once it was read."""
        return {"kind": self.kind, "path": self.name, **self._given}
