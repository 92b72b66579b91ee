"""A worker process, from the service's side: started, given jobs, and ended with everything that it started."""

import fcntl
import json
import logging
import multiprocessing
import multiprocessing.connection
import multiprocessing.reduction
import os
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import EntryPoint
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np

from cad_modules.contract import Image
from edge_app.confinement import kill_tree
from edge_app.worker import Job, work

log = logging.getLogger(__name__)

STOP_TIMEOUT_S: Final = 2.0
"""A worker that was asked to end, or killed, is gone after this time."""
START_TIMEOUT_S: Final = 60.0
"""A worker is ready after this time, also on a busy small board."""
MAX_ANSWER_BYTES: Final = 4 * 2**20
SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["cad_modules.runtime"])


class WorkerLost(Exception):
    """The process ended, or sent what no worker sends; the text says which."""


class WorkerSilent(Exception):
    """No answer within the deadline."""


class WorkerProcess:
    """One worker process, running; ``end`` it.

    Raises:
        WorkerLost: It did not start.
    """

    def __init__(
        self, bundle_folders: tuple[Path, ...], entry_points: tuple[EntryPoint, ...] | None, memory_bytes: int
    ) -> None:
        ours, theirs = _CONTEXT.Pipe()
        self._connection: Connection = ours
        _bound_waits(ours)
        self._process = _CONTEXT.Process(
            target=work, args=(theirs, bundle_folders, entry_points, memory_bytes), name="cad-worker", daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            self.not_confined: tuple[str, ...] = tuple(self._receive(START_TIMEOUT_S))
        except (WorkerLost, WorkerSilent) as error:
            self.end()
            raise WorkerLost(f"the analysis process did not start: {error}") from error

    @property
    def process_id(self) -> int:
        """Of the worker."""
        return self._process.pid or 0

    def send(self, job: Job, images: Sequence[Image]) -> None:
        """Give it a job; never waits for it.

        Args:
            job: What to do.
            images: Gray, all of the job's height and width; copied to memory that neither side can change.

        Raises:
            WorkerLost: It is not there any more.
        """
        descriptor = _sealed(images)
        try:
            self._connection.send(job)
            multiprocessing.reduction.send_handle(self._connection, descriptor, self.process_id)
        except OSError as error:
            raise WorkerLost("the analysis process ended") from error
        finally:
            os.close(descriptor)

    def answer(self, deadline_s: float) -> dict[str, Any]:
        """The next answer, as ``worker.work`` sends it.

        Raises:
            WorkerSilent: None within the deadline.
            WorkerLost: It ended, or its answer is none.
        """
        message = self._receive(deadline_s)
        if not isinstance(message, dict):
            raise WorkerLost("the analysis process answered in no known way")
        for line in message.get("log", ()):
            log.warning("%s", line)
        return message

    def end(self) -> int | None:
        """End it and everything that it started; returns its exit code."""
        kill_tree(self.process_id)
        self._connection.close()
        self._process.join(STOP_TIMEOUT_S)
        code = self._process.exitcode
        with suppress(ValueError):  # not gone: the kernel holds it in a driver call
            self._process.close()
        return code

    def _receive(self, deadline_s: float) -> Any:
        """A message. Whatever holds the other end open, the worker's end is seen at once."""
        wait_until_s = time.monotonic() + deadline_s
        while not self._connection.poll():
            left_s = wait_until_s - time.monotonic()
            ready = multiprocessing.connection.wait([self._connection, self._process.sentinel], max(0.0, left_s))
            if not ready:
                raise WorkerSilent(f"no answer within {deadline_s:g} s")
            if self._connection not in ready:
                raise WorkerLost(f"the module ended its process ({_way_of_ending(self._process)})")
        try:
            return json.loads(self._connection.recv_bytes(MAX_ANSWER_BYTES))
        except (EOFError, ConnectionResetError) as error:
            raise WorkerLost(f"the module ended its process ({_way_of_ending(self._process)})") from error
        except (OSError, ValueError) as error:
            raise WorkerLost(f"the analysis process answered in no known way: {error}") from error


def _bound_waits(connection: Connection) -> None:
    """A message that begins and never ends is an error after a while, not a wait for ever."""
    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        seconds = struct.pack("ll", int(STOP_TIMEOUT_S), 0)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)


def _way_of_ending(process: multiprocessing.process.BaseProcess) -> str:
    process.join(STOP_TIMEOUT_S)
    code = process.exitcode
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _sealed(images: Sequence[Image]) -> int:
    """A descriptor of memory without a name that holds the images and can be written by nobody any more."""
    descriptor = os.memfd_create("edge-cad-images", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        for image in images:
            pixels = np.ascontiguousarray(image).reshape(-1).data
            while pixels:
                pixels = pixels[os.write(descriptor, pixels) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
