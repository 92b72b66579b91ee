import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_app.sources.frame_ring import PLACES, FrameRing


@pytest.fixture
def ring() -> Iterator[FrameRing]:
    ring = FrameRing()
    yield ring
    ring.close()


def write(ring: FrameRing, level: int, shape: tuple[int, ...] = (4, 6, 3)) -> None:
    ring.place(shape)[:] = level
    ring.publish(shape, level * 10.0, level * 1000)


def test_the_newest_picture_is_read_with_its_number_and_times(ring: FrameRing) -> None:
    assert ring.read() is None and ring.newest() == 0
    for level in range(1, 8):
        write(ring, level)
    picture = ring.read()
    assert picture is not None and picture.number == ring.newest() == 7
    assert (picture.device_ms, picture.captured_ns) == (70.0, 7000)
    assert picture.pixels.shape == (4, 6, 3) and np.all(picture.pixels == 7)


def test_what_was_read_never_changes(ring: FrameRing) -> None:
    write(ring, 1)
    picture = ring.read()
    for level in range(2, 2 + 2 * PLACES):
        write(ring, level)
    assert picture is not None and np.all(picture.pixels == 1)


def test_a_picture_that_is_being_written_is_not_read_and_the_last_whole_one_is(ring: FrameRing) -> None:
    write(ring, 1)
    ring.place((4, 6, 3))[:2] = 2  # the writer was killed here
    picture = ring.read()
    assert picture is not None and picture.number == 1 and np.all(picture.pixels == 1)


def test_a_picture_that_was_replaced_while_it_was_copied_is_not_given(ring: FrameRing) -> None:
    write(ring, 1)
    header = ring._memory[:4096]
    for level in range(2, 2 + PLACES):
        write(ring, level)
    ring.place((4, 6, 3))
    ring._memory[:4096] = header  # as the reader saw it, before the writer came round
    assert ring.read() is None


def test_size_and_colour_may_change_from_picture_to_picture(ring: FrameRing) -> None:
    for level, shape in enumerate(((4, 6, 3), (2, 3), (8, 9, 3)), 1):
        write(ring, level, shape)
        picture = ring.read()
        assert picture is not None and picture.pixels.shape == shape
    with pytest.raises(ValueError, match="4K"):
        ring.place((4000, 8000, 3))


def test_it_is_shared_through_its_descriptor_and_leaves_no_name_behind(ring: FrameRing) -> None:
    other = FrameRing(os.dup(ring.descriptor))
    write(other, 5)
    other.live(77)
    other.miss()
    other.close()
    picture = ring.read()
    assert picture is not None and np.all(picture.pixels == 5)
    assert (ring.last_sign_ns(), ring.missed()) == (77, 1)
    assert not list(Path("/dev/shm").glob("*edge-cad*"))


def _write_on(descriptor: int) -> None:
    ring = FrameRing(descriptor)
    level = 0
    while True:
        level += 1
        shape = (300, 400, 3)
        ring.place(shape)[:] = level % 256
        ring.publish(shape, float(level), level)


def test_no_picture_is_ever_torn_by_a_writer_that_is_faster(ring: FrameRing) -> None:
    process: Any = multiprocessing.get_context("fork").Process(target=_write_on, args=(ring.descriptor,), daemon=True)
    process.start()
    try:
        read = 0
        while read < 300:
            picture = ring.read()
            if picture is not None:
                read += 1
                assert np.all(picture.pixels == picture.number % 256) and picture.device_ms == picture.number
    finally:
        process.kill()
        process.join()
        process.close()
