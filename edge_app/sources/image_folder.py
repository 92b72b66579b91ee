"""Files and folders of pictures in any mix, in natural order."""

import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

from edge_app.errors import SourceError, UnreadableImage
from edge_app.records import Frame
from edge_app.sources.base import Description, OnUnreadable, Source

logger = logging.getLogger(__name__)

OpenFile: TypeAlias = Callable[[Path], Source]
"""Opens one file by its content.

Raises:
    UnreadableImage: It is not of a kind that any source reads.
"""

PICTURE_SUFFIXES: Final = (
    *(".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".jp2", ".j2k", ".heic", ".avif"),
    *(".pgm", ".ppm", ".pbm", ".pnm", ".gif", ".dcm", ".dicom", ".ima"),
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".ogv"),
)
"""In a folder, a file of another content is an error if it is called like a picture, and is passed over if not
(a README, a table of labels)."""


class ImageFolder:
    """Every picture of the given files and of all that lies in the given folders, one file after the other.

    A file that cannot be read is told to ``on_error``, and the next one follows. Hidden files (``.name``) are passed
    over; links to folders are not followed, so that no loop is entered.
    """

    live: Final = False

    def __init__(self, paths: Sequence[Path], open_file: OpenFile, on_error: OnUnreadable) -> None:
        self.name = ", ".join(map(str, paths))
        self._paths = tuple(paths)
        self._open_file = open_file
        self._on_error = on_error
        self._closed = False
        self._current: Source | None = None
        self._counts = {"files_read": 0, "files_unreadable": 0, "files_passed_over": 0}

    def __enter__(self) -> Self:
        for path in self._paths:
            if not path.exists():
                raise SourceError(f"{path} is not there; check the path")
        self._closed = False
        self._counts = dict.fromkeys(self._counts, 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End ``frames``, also within a clip."""
        self._closed = True
        if (current := self._current) is not None:
            current.close()

    def describe(self) -> Description:
        """``files_read``, ``files_unreadable`` and ``files_passed_over`` so far."""
        return {"kind": "image_folder", "path": self.name, **self._counts}

    def frames(self) -> Iterator[Frame]:
        """The pictures of all files, numbered through.

        Raises:
            SourceError: There was no picture, and nothing else was reported either.
        """
        sequence = 0
        for path, named_by_user in self._files():
            if self._closed:
                return
            try:
                source = self._open_file(path)
            except UnreadableImage as error:
                if named_by_user or path.suffix.lower() in PICTURE_SUFFIXES:
                    self._skip(error)
                else:
                    self._counts["files_passed_over"] += 1
                    logger.debug("passed over: %s", error)
                continue
            try:
                with source as self._current:
                    for frame in source.frames():
                        yield replace(frame, sequence=sequence)
                        sequence += 1
                self._counts["files_read"] += 1
            except UnreadableImage as error:
                self._skip(error)
            finally:
                self._current = None
        if not sequence and not self._counts["files_unreadable"] and not self._closed:
            raise SourceError(f"{self.name} holds no image, video or DICOM file")

    def _skip(self, error: UnreadableImage) -> None:
        self._counts["files_unreadable"] += 1
        self._on_error(error)

    def _files(self) -> Iterator[tuple[Path, bool]]:
        """Each file, and whether the user named it (rather than a folder above it)."""
        for path in self._paths:
            if path.is_dir():
                yield from ((below, False) for below in self._walk(path))
            else:
                yield path, True

    def _walk(self, folder: Path) -> Iterator[Path]:
        try:
            with os.scandir(folder) as entries:
                found = sorted((natural_key(entry.name), entry.name, entry.is_dir(follow_symlinks=False))
                               for entry in entries if not entry.name.startswith("."))  # fmt: skip
        except OSError as error:
            self._skip(UnreadableImage(f"{folder} cannot be read: {error.strerror}"))
            return
        for _, name, is_folder in found:
            path = folder / name
            if is_folder:
                yield from self._walk(path)
                continue
            try:
                is_file = path.is_file()
            except OSError as error:  # a link to where this user may not look
                self._skip(UnreadableImage(f"{path} cannot be read: {error.strerror}"))
                continue
            if is_file:
                yield path


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorts as people count: ``frame2`` before ``frame10``; upper and lower case alike."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part) for part in parts if part]
