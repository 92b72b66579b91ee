import re
import threading
import time
import uuid

import pytest

from edge_app import identifiers
from edge_app.identifiers import uuid7
from edge_app.messages import UUID7_PATTERN


def test_a_uuid7_is_one_of_version_7_with_the_time_of_now() -> None:
    made = uuid.UUID(uuid7())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert abs((made.int >> 80) / 1000 - time.time()) < 1
    assert re.fullmatch(UUID7_PATTERN, str(made))


def test_uuids_grow_even_within_a_millisecond_and_when_the_clock_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(identifiers, "_last", 0)
    nanoseconds = iter([10**18] * 1000 + [10**18 - 10**9] * 1000)
    monkeypatch.setattr(identifiers.time, "time_ns", lambda: next(nanoseconds))
    made = [uuid7() for _ in range(2000)]
    assert made == sorted(set(made))
    assert {identifier[14] for identifier in made} == {"7"}


def test_threads_never_get_the_same_uuid() -> None:
    made: list[list[str]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda mine=mine: mine.extend(uuid7() for _ in range(2000))) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({identifier for mine in made for identifier in mine}) == 8000
    assert all(mine == sorted(mine) for mine in made)
