"""What a worker process may take: memory, no network, no terminal, and no longer life than the service.

Called by the process itself, before it loads anything of a third party. Source: Linux manual pages setrlimit(2),
unshare(2), prctl(2) and proc_pid_status(5).
"""

import ctypes
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
NICENESS: Final = 2
"""Capture and router go first when the cores are all busy."""


def confine(memory_bytes: int) -> tuple[str, ...]:
    """Bound this process; its children inherit it.

    It gets a session (so a process group) of its own, adopts the orphans of its children, dies with its parent, writes
    standard output and error nowhere, is asked for no core file, and may allocate so much more than it has now.

    Args:
        memory_bytes: Of private writable memory (RLIMIT_DATA), beyond what the process has at this moment.

    Returns:
        In words, what this kernel or its settings do not allow; empty if everything holds.
    """
    libc = lead_session()
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data_limit = _private_memory_bytes() + memory_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (data_limit, data_limit))
    _silence()
    return () if _leave_network(libc) else ("modules can reach the network: this kernel gives no network namespace",)


def lead_session() -> ctypes.CDLL:
    """Make this process the leader of a session of its own that adopts its children's orphans and dies with its parent.

    Returns:
        The C library.
    """
    os.setsid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    return libc


def kill_tree(process_id: int) -> None:
    """Kill a confined process, its process group, and its descendants that left the group; it need not be there."""
    for each in (*_descendants(process_id), process_id):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(each, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process_id, signal.SIGKILL)


def has_children() -> bool:
    """Whether this process has a child that still runs; those that ended are reaped."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            continue
    except ChildProcessError:
        return False
    return True


def _descendants(process_id: int) -> list[int]:
    """Of a process, all below it; what it starts while this looks is missed unless it is in its group."""
    found = []
    for tasks in Path(f"/proc/{process_id}/task").glob("*/children"):
        try:
            children = [int(child) for child in tasks.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


def _private_memory_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def _silence() -> None:
    """A module that prints without end fills no log, and never waits for a reader."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _leave_network(libc: ctypes.CDLL) -> bool:
    """Into an empty network namespace; without privileges that takes a user namespace too."""
    return any(libc.unshare(flags) == 0 for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET))
