"""Finds out what CAD modules there are without importing them into the service.

Importing runs a third party's code: it may hang, end the process or eat its memory. A process of its own does it and
tells what each module declares; the worker processes import what they run.
"""

import importlib.metadata
import logging
import multiprocessing
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from importlib.metadata import EntryPoint
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NoReturn

from cad_modules.contract import CadModule
from cad_modules.registry import GROUP, Registry, UnusableError, discover, load_entry
from edge_app.confinement import confine, kill_tree

log = logging.getLogger(__name__)

IMPORT_DEADLINE_S: Final = 30.0
"""Of one entry point; the first one brings the libraries that all share."""
IMPORT_MEMORY_BYTES: Final = 1000 * 2**20
DECLARED: Final = tuple(field.name for field in fields(CadModule) if field.name != "analyze")

_CONTEXT: Final = multiprocessing.get_context("forkserver")


def discover_apart(
    bundle_folders: Iterable[Path] = (),
    entry_points: Iterable[EntryPoint] | None = None,
    deadline_s: float = IMPORT_DEADLINE_S,
) -> Registry:
    """As ``registry.discover``, but this process imports no module: those in the registry cannot be run here.

    A module whose import hangs or ends its process is unusable, with the reason.
    """
    found = tuple(importlib.metadata.entry_points(group=GROUP) if entry_points is None else entry_points)
    with _Importer(deadline_s) as importer:
        return discover(bundle_folders, found, importer.load)


class _Importer:
    """Imports entry points in another process, one after the other; in a fresh one after a loss."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> "_Importer":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def load(self, entry: EntryPoint) -> CadModule:
        """What an entry point's module declares."""
        if self._connection is None:
            self._connection, theirs = _CONTEXT.Pipe()
            self._process = _CONTEXT.Process(target=_import_on, args=(theirs,), name="cad-import", daemon=True)
            self._process.start()
            theirs.close()
        try:
            self._connection.send(entry)
            if not self._connection.poll(self._deadline_s):
                self._end()
                raise UnusableError(f"importing {entry.value} did not end within {self._deadline_s:g} s")
            told: dict[str, Any] | str = self._connection.recv()
        except (EOFError, OSError) as error:
            code = self._end()
            raise UnusableError(f"importing {entry.value} ended its process (exit code {code})") from error
        if isinstance(told, str):
            raise UnusableError(told)
        return CadModule(**told, analyze=_runs_elsewhere)

    def _end(self) -> int | None:
        code = None
        if self._process is not None and self._connection is not None:
            kill_tree(self._process.pid or 0)
            self._connection.close()
            self._process.join()
            code = self._process.exitcode
            self._process.close()
        self._process = self._connection = None
        return code


def _import_on(connection: Connection) -> None:
    """The importing process: what each entry point declares, or why it cannot be used."""
    confine(IMPORT_MEMORY_BYTES)
    with suppress(EOFError, OSError):
        while True:
            entry: EntryPoint = connection.recv()
            try:
                module = load_entry(entry)
            except UnusableError as error:
                connection.send(str(error))
            else:
                connection.send({name: _plain(getattr(module, name)) for name in DECLARED})


def _plain(value: Any) -> Any:
    """Without mapping proxies and the like, which cannot be sent."""
    return dict(value) if hasattr(value, "keys") else value


def _runs_elsewhere(*_: object) -> NoReturn:
    raise RuntimeError("this module runs in a worker process alone")
