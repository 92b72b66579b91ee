import threading
import time
from collections.abc import Iterator

import pytest
from fakes.pictures import frame, sector

from edge_app.errors import UnreadableImage
from edge_app.records import Frame
from edge_app.sources.prefetch import prefetched


def numbered(count: int, seen: list[int]) -> Iterator[Frame]:
    for number in range(count):
        seen.append(number)
        yield frame(sector(), number)


def test_all_frames_come_in_order() -> None:
    assert [item.sequence for item in prefetched(numbered(50, []))] == list(range(50))


def test_only_a_few_are_decoded_ahead() -> None:
    seen: list[int] = []
    frames = prefetched(numbered(50, seen))
    next(frames)
    time.sleep(0.3)
    assert len(seen) <= 3
    frames.close()  # type: ignore[attr-defined]


def test_error_comes_after_the_frames_before_it() -> None:
    def failing() -> Iterator[Frame]:
        yield from numbered(2, [])
        raise UnreadableImage("clip.mp4: truncated")

    taken = []
    with pytest.raises(UnreadableImage, match="truncated"):
        for item in prefetched(failing()):
            taken.append(item.sequence)
    assert taken == [0, 1]


def test_thread_ends_when_nobody_wants_more() -> None:
    frames = prefetched(numbered(1000, []))
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "decode ahead"]
