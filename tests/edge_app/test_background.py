import threading
import time

import pytest

from edge_app.background import WAITING_JOBS, Background


def test_jobs_run_in_order_in_one_other_thread() -> None:
    done: list[tuple[int, int]] = []
    with Background("test") as background:
        for number in range(20):
            background.submit(lambda number=number: done.append((number, threading.get_ident())))  # type: ignore[misc]
        background.wait()
        assert [number for number, _ in done] == list(range(20))
    assert {thread for _, thread in done} != {threading.get_ident()} and len({thread for _, thread in done}) == 1


def test_who_submits_too_much_waits() -> None:
    free = threading.Event()
    submitted: list[int] = []

    def submit_many(background: Background) -> None:
        for number in range(WAITING_JOBS + 4):
            background.submit(free.wait)  # type: ignore[arg-type]
            submitted.append(number)

    with Background("test") as background:
        submitter = threading.Thread(target=submit_many, args=(background,))
        submitter.start()
        time.sleep(0.2)
        assert len(submitted) == 1 + WAITING_JOBS  # one runs
        free.set()
        submitter.join(5)
        assert len(submitted) == WAITING_JOBS + 4


def test_what_is_only_offered_is_refused_while_something_waits_and_never_runs() -> None:
    free, begun = threading.Event(), threading.Event()
    done: list[str] = []

    def block() -> None:
        begun.set()
        free.wait(5)

    with Background("test") as background:
        background.submit(block)
        assert begun.wait(5)
        assert background.offer(lambda: done.append("first"))
        assert not background.offer(lambda: done.append("second"))
        background.submit(lambda: done.append("asked for"))
        free.set()
        background.wait()
        assert background.offer(lambda: done.append("third"))
    assert done == ["first", "asked for", "third"]


def test_error_of_a_job_is_raised_to_who_submits_next_and_nothing_runs_behind_it() -> None:
    ran: list[str] = []

    def fail() -> None:
        raise ValueError("disk on fire")

    with Background("test") as background:
        background.submit(fail)
        with pytest.raises(ValueError, match="disk on fire"):
            background.wait()
        with pytest.raises(ValueError, match="disk on fire"):
            background.submit(lambda: ran.append("never"))
    assert ran == []


def test_leaving_finishes_what_was_submitted() -> None:
    done: list[int] = []
    with Background("test") as background:
        background.submit(lambda: time.sleep(0.1))
        background.submit(lambda: done.append(1))
    assert done == [1]
