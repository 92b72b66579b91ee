"""What holds inside a worker process; each check runs in a process of its own."""

import multiprocessing
import os
import resource
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from edge_app.confinement import confine, has_children

CONTEXT = multiprocessing.get_context("forkserver")


def in_confinement(check: Callable[[], Any]) -> Any:
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=_answer, args=(theirs, check))
    process.start()
    theirs.close()
    try:
        assert ours.poll(20)
        return ours.recv()
    finally:
        process.join(5)
        process.close()
        ours.close()


def _answer(connection: Any, check: Callable[[], Any]) -> None:
    missing = confine(50 * 2**20)
    connection.send((missing, check()))


def _connect() -> str:
    try:
        socket.create_connection(("127.0.0.1", int(os.environ["EDGE_CAD_TEST_PORT"])), 2).close()
    except OSError as error:
        return type(error).__name__
    return "connected"


def test_there_is_no_network_or_it_is_said_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from multiprocessing import forkserver

    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # the next one has this environment
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("EDGE_CAD_TEST_PORT", str(server.getsockname()[1]))
        missing, outcome = in_confinement(_connect)
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    assert (outcome == "connected") == bool(missing)


def _allocate() -> str:
    try:
        bytearray(100 * 2**20)
    except MemoryError:
        return "refused"
    return "given"


def test_memory_beyond_the_bound_is_refused() -> None:
    assert in_confinement(_allocate)[1] == "refused"


def _print_megabytes() -> int:
    for _ in range(100):
        print("x" * 100_000)
        print("x" * 100_000, file=sys.stderr)
    return 1


def test_output_goes_nowhere_and_never_blocks(capfd: pytest.CaptureFixture[str]) -> None:
    assert in_confinement(_print_megabytes)[1] == 1
    assert "xxx" not in capfd.readouterr().out


def _facts() -> dict[str, Any]:
    return {
        "leads_its_session": os.getsid(0) == os.getpid(),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "children": has_children(),
        "niceness_grew": os.nice(0),
    }


def test_it_leads_a_session_and_leaves_no_core_file() -> None:
    facts = in_confinement(_facts)[1]
    assert facts["leads_its_session"] and facts["core"] == (0, 0) and not facts["children"]
    assert facts["niceness_grew"] > os.nice(0)
