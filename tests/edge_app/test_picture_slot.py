import multiprocessing
import os
from datetime import UTC, datetime

import numpy as np
import pytest

from edge_app.picture_slot import PictureSlot
from edge_app.records import Frame

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def frame(value: int, height: int = 30, width: int = 40, colour: bool = True, sequence: int = 0) -> Frame:
    shape = (height, width, 3) if colour else (height, width)
    return Frame(np.full(shape, value, np.uint8), sequence, 1, NOW, "test")


@pytest.fixture
def slots():  # type: ignore[no-untyped-def]
    writer = PictureSlot()
    reader = PictureSlot(os.dup(writer.descriptor))
    yield writer, reader
    writer.close()
    reader.close()


def test_nothing_is_read_before_the_first_picture(slots: tuple[PictureSlot, PictureSlot]) -> None:
    _, reader = slots
    assert reader.newest() == 0 and reader.read() is None


def test_the_newest_picture_is_read_with_what_is_known_of_it(slots: tuple[PictureSlot, PictureSlot]) -> None:
    writer, reader = slots
    writer.write(frame(1, sequence=6), 0.0)
    writer.write(frame(2, sequence=7), 0.0)
    shared = reader.read()
    assert shared is not None
    assert (shared.number, shared.sequence, shared.captured_at) == (2, 7, NOW)
    assert np.array_equal(shared.pixels, frame(2).pixels)


def test_pictures_of_other_sizes_and_gray_ones_fit_too(slots: tuple[PictureSlot, PictureSlot]) -> None:
    writer, reader = slots
    for number, (height, width, colour) in enumerate([(3, 5, False), (300, 400, True), (7, 9, True), (301, 400, True)]):
        writer.write(frame(number, height, width, colour), 0.0)
        shared = reader.read()
        assert shared is not None and np.array_equal(shared.pixels, frame(number, height, width, colour).pixels)


def _read_many(descriptor: int, results: "multiprocessing.Queue[int]") -> None:
    slot, torn, seen = PictureSlot(descriptor), 0, 0
    while seen < 2000:
        seen = slot.newest()
        shared = slot.read()
        if shared is not None:
            torn += int(shared.pixels.min() != shared.pixels.max())
    results.put(torn)


def test_no_picture_is_read_half(slots: tuple[PictureSlot, PictureSlot]) -> None:
    writer, reader = slots
    writer.write(frame(0, 480, 640), 0.0)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    process = context.Process(target=_read_many, args=(reader.descriptor, results))
    process.start()
    while process.is_alive() and writer.newest() < 3000:
        writer.write(frame(writer.newest() % 200, 480, 640), 0.0)
    assert results.get(timeout=60) == 0
    process.join()
    results.close()
    results.join_thread()


def test_memory_cannot_be_taken_away_from_the_other_side(slots: tuple[PictureSlot, PictureSlot]) -> None:
    writer, reader = slots
    writer.write(frame(1), 0.0)
    with pytest.raises(PermissionError):
        os.ftruncate(reader.descriptor, 0)


def test_what_a_reader_spoils_is_no_picture_and_does_not_harm_the_writer(
    slots: tuple[PictureSlot, PictureSlot],
) -> None:
    writer, reader = slots
    writer.write(frame(1), 0.0)
    end = os.fstat(writer.descriptor).st_size
    for start in (*range(0, 64, 4), *range(4096, 4096 + 128, 4), *range(end // 2, end // 2 + 2200, 4)):
        os.pwrite(reader.descriptor, b"\xff" * 8, start)  # also: not a number, beyond every calendar
        shared = reader.read()
        assert shared is None or shared.pixels.size <= 30 * 40 * 3
        for _ in range(2):
            writer.write(frame(2), 0.0)
        shared = reader.read()
        assert shared is not None and np.array_equal(shared.pixels, frame(2).pixels)
