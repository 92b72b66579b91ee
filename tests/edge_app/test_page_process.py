import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brokers import wait_for
from pages import LonePage, Visitor, lone_page, make_frame, next_event

from edge_app import page_process
from edge_app.page_link import Line, LineReader, encode
from edge_app.page_process import PageProcess

PROGRAM = """
import json, os, socket, sys, time
link = socket.socket(fileno=int(sys.argv[1]))
link.recv(1 << 20)
def say(**line):
    link.sendall(json.dumps(line).encode() + b"\\n")
say(kind="listening", url="http://here/", port=1, setup_code="")
"""
"""A page that listens; tests add what it does then."""


@contextmanager
def page_that(does: str, act: object = None) -> Iterator[PageProcess]:
    answer = act or (lambda line: {"done": True, "text": str(line["action"])})
    command = (sys.executable, "-c", PROGRAM + does)
    process = PageProcess({"kind": "hello"}, lambda: {"at_s": 0.0}, answer, command)  # type: ignore[arg-type]
    process.start()
    try:
        yield process
    finally:
        process.stop()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_lines_are_put_together_from_pieces() -> None:
    reader, lines = LineReader(), []
    for byte in encode({"kind": "a", "text": "\u00e4\n"}) + encode({"kind": "b"}):
        lines += reader.feed(bytes([byte]))
    assert lines == [{"kind": "a", "text": "\u00e4\n"}, {"kind": "b"}]


@pytest.mark.parametrize("garbage", [b"x\n", b"[]\n", b'{"a": 1}\n', b'{"kind": 1}\n', b"x" * (1 << 21)])
def test_other_than_lines_is_an_error(garbage: bytes) -> None:
    with pytest.raises(ValueError):
        LineReader().feed(garbage)


def test_a_page_that_dies_is_started_again_and_one_that_is_stopped_is_gone() -> None:
    with page_that("time.sleep(60)") as process:
        assert process.listening.wait(10)
        first = process.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: process.pid not in (None, first), "another one runs")
        second = process.pid
        assert second is not None
    wait_for(lambda: gone(first) and gone(second), "both are gone")


def test_a_page_that_says_nonsense_is_started_again() -> None:
    with page_that("link.sendall(b'nonsense\\n'); time.sleep(60)") as process:
        pids = set()
        wait_for(lambda: pids.add(process.pid) or len(pids - {None}) >= 2, "another one runs", 20)


def test_a_page_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_process, "SILENT_S", 0.5)
    with page_that("time.sleep(60)") as process:
        pids = set()
        wait_for(lambda: pids.add(process.pid) or len(pids - {None}) >= 2, "another one runs", 20)


def test_a_page_that_takes_nothing_never_makes_the_service_wait() -> None:
    with page_that("time.sleep(60)") as process:
        assert process.listening.wait(10)
        process._viewers, process._viewers_until_s = 1, time.monotonic() + 60
        frame, longest_s = make_frame(height=1080, width=1920), 0.0
        for _ in range(200):
            started = time.perf_counter()
            for _ in range(50):
                process.tell({"text": "x" * 1000})
            process.changed()
            process.show(frame)
            longest_s = max(longest_s, time.perf_counter() - started)
            time.sleep(0.005)
        assert longest_s < 0.5
        assert len(process._out) <= 3 * page_process.WAITING_BYTES


def test_viewers_are_forgotten_when_the_page_is_stopped() -> None:
    does = "say(kind='viewers', count=3)\ntime.sleep(60)"
    with page_that(does) as process:
        wait_for(lambda: process.viewers == 3, "three look")
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        wait_for(lambda: process.viewers == 0, "nobody looks", 10)
        process._next_picture_s = 0
        process.show(make_frame())
        assert process._slot.newest() == 0


def test_actions_are_answered_also_when_they_go_wrong_or_are_too_many() -> None:
    def act(line: Line) -> Line:
        if line["action"] == "slow":
            time.sleep(0.5)
            return {"done": True, "text": "slow"}
        raise KeyError(line["action"])

    does = """
link.setblocking(True)
for number in range(20):
    say(kind="action", id=number, action="slow" if number == 0 else "broken")
answers, text = {}, b""
while len(answers) < 20:
    text += link.recv(1 << 16)
    *lines, text = text.split(b"\\n")
    for line in map(json.loads, lines):
        if line["kind"] == "answer":
            answers[line["id"]] = line["done"]
say(kind="viewers", count=sum(answers.values()) + 100)
time.sleep(60)
"""
    with page_that(does, act) as process:
        wait_for(lambda: process.viewers == 101, "every action was answered, one of them done", 20)


def test_stopping_does_not_wait_for_a_page_that_does_not_end() -> None:
    does = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); say(kind='viewers', count=1); time.sleep(60)"
    with page_that(does) as process:
        wait_for(lambda: process.viewers == 1, "it runs")
        pid, started = process.pid, time.monotonic()
    assert time.monotonic() - started < page_process.STOP_S + 2
    assert pid is not None and gone(pid)


def test_real_page_comes_back_at_the_same_address_after_a_kill(tmp_path: Path) -> None:
    with lone_page(tmp_path) as page:
        url, pid = page.url, page.process.pid
        page.signal(signal.SIGKILL)
        wait_for(lambda: page.process.pid not in (None, pid), "another one runs", 20)
        wait_for(page.process.listening.is_set, "it listens", 30)
        assert page.url == url
        assert Visitor(url).get("/api/alive").status == 200


def test_real_page_goes_on_while_the_service_hangs_and_says_so(tmp_path: Path) -> None:
    hung = threading.Event()
    with lone_page(tmp_path) as page:
        visitor = Visitor(page.url).set_up(page.process.setup_code)
        asked = page.process._state
        page.process._state = lambda: None if hung.is_set() else asked()
        hung.set()
        wait_for(lambda: visitor.get("/api/live").json()["service"]["state"] == "silent", "the page says so", 15)
        assert visitor.get("/api/reports").status == 200
        hung.clear()
        wait_for(lambda: visitor.get("/api/live").json()["service"]["state"] == "running", "it is well again", 15)


def test_real_page_tells_who_listens_that_the_service_ended_and_ends(tmp_path: Path) -> None:
    with lone_page(tmp_path) as page:
        visitor, pid = Visitor(page.url).set_up(page.process.setup_code), page.process.pid
        assert pid is not None
        with visitor.streaming("/api/stream") as stream:
            next_event(stream, "state")
            page.process._stopping.set()  # so that no other page is started
            page.process._waker.wake()
            assert next_event(stream, "bye")["reason"]
        wait_for(lambda: gone(pid), "the page ended", 15)


def test_a_taken_port_is_told_and_tried_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        threading.Timer(2.0, taken.close).start()
        with lone_page(tmp_path, 0, port=port) as page:
            assert page.url == f"http://127.0.0.1:{port}/"


def _priority(page: LonePage) -> int:
    assert page.process.pid is not None
    return os.getpriority(os.PRIO_PROCESS, page.process.pid)


def test_page_yields_to_the_analysis(tmp_path: Path) -> None:
    with lone_page(tmp_path, 0) as page:
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert _priority(page) >= min(19, own + 10)
        assert page.process.pid is not None and os.getsid(page.process.pid) == os.getsid(0)
