"""What a run may leave behind: processes, zombies, files in /dev/shm."""

import os
import time
import uuid
from pathlib import Path
from typing import Final

MARK: Final = "EDGE_CAD_RUN_MARK"
SETTLE_S: Final = 5.0


class Leftovers:
    """Made before anything is started: all later processes bear a mark in their environment, wherever they go."""

    def __init__(self) -> None:
        os.environ[MARK] = self._mark = uuid.uuid4().hex
        self._shm_before = _shared_memory()

    def process_ids(self) -> list[int]:
        """Of all marked processes that run now."""
        return [int(text.split()[0]) for text in self._marked()]

    def processes(self) -> list[str]:
        """Marked processes that still run, but the fork server's own two, as ``id command line``; waits for them."""
        return _settled(lambda: [text for text in self._marked() if not _is_of_multiprocessing(text)])

    def zombies(self) -> list[str]:
        """Ended children that nobody waited for, of this process and of marked ones; waits for them."""
        return _settled(self._zombies)

    def shared_memory(self) -> list[str]:
        """Names in /dev/shm that were not there before; waits for them to go."""
        return _settled(lambda: sorted(_shared_memory() - self._shm_before))

    def _marked(self) -> list[str]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if folder.name == str(os.getpid()) or self._mark.encode() not in (folder / "environ").read_bytes():
                    continue
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            found.append(f"{folder.name} {command.strip()}")
        return found

    def _zombies(self) -> list[str]:
        parents = {os.getpid(), *(int(text.split()[0]) for text in self._marked())}
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state == "Z" and int(parent) in parents:
                found.append(folder.name)
        return found


def _is_of_multiprocessing(text: str) -> bool:
    """The fork server and the resource tracker live as long as the process that uses them."""
    return "multiprocessing.resource_tracker" in text or "multiprocessing.forkserver" in text


def _shared_memory() -> set[str]:
    folder = Path("/dev/shm")
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _settled(look) -> list[str]:  # type: ignore[no-untyped-def]
    until_s = time.monotonic() + SETTLE_S
    while (found := look()) and time.monotonic() < until_s:
        time.sleep(0.05)
    return list(found)
