import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.binding import FARTHEST_NS, KEPT_BYTES, KEPT_NS, Binding, FrameBinder
from firmware_bridge.codes import EventKind
from firmware_bridge.exposure_simulation import simulate_exposures
from firmware_bridge.fake_firmware import FakeFirmware
from firmware_bridge.faulty_line import Faults
from firmware_bridge.ledger import TimedEvent

MS = 1_000_000


def event_at(at_ms: float, counter: int = 1) -> TimedEvent:
    return TimedEvent(EventKind.FREEZE_ON, counter, 0, int(at_ms * MS), 500_000)


class Bound:
    def __init__(self) -> None:
        self.bindings: list[Binding[int]] = []
        self.binder = FrameBinder(self.bindings.append)

    def frames(self, *at_ms: int, size_bytes: int = 1000) -> None:
        for milliseconds in at_ms:
            self.binder.add_frame(milliseconds, milliseconds * MS, size_bytes)

    def bound(self) -> list[int | None]:
        return [binding.frame for binding in self.bindings]


def test_event_takes_the_nearest_picture_before_or_after() -> None:
    bound = Bound()
    bound.frames(0, 33, 67, 100)
    for number, at_ms in enumerate((35, 49, 51, 66)):
        bound.binder.add_event(event_at(at_ms, number), 100 * MS)
    assert bound.bound() == [33, 33, 67, 67]
    assert [binding.offset_ns for binding in bound.bindings] == [-2 * MS, -16 * MS, 16 * MS, MS]


def test_event_waits_for_the_picture_after_it() -> None:
    bound = Bound()
    bound.frames(0, 33)
    bound.binder.add_event(event_at(60), 61 * MS)
    assert bound.bound() == []
    bound.frames(67)
    assert bound.bound() == [67]


def test_without_a_picture_after_it_the_one_before_is_taken_in_the_end() -> None:
    bound = Bound()
    bound.frames(0, 33)
    bound.binder.add_event(event_at(60), 61 * MS)
    bound.binder.tick(500 * MS)
    assert bound.bound() == []
    bound.binder.tick(600 * MS)
    assert bound.bound() == [33]


def test_event_without_any_picture_near_has_none() -> None:
    bound = Bound()
    bound.binder.add_event(event_at(1000), 1001 * MS)
    bound.binder.tick(1600 * MS)
    bound.frames(5000, 5033)
    bound.binder.add_event(event_at(5000 - FARTHEST_NS / MS - 1), 5034 * MS)
    assert bound.bound() == [None, None]


def test_event_that_comes_late_still_finds_its_picture() -> None:
    bound = Bound()
    bound.frames(*range(0, 1000, 33))
    bound.binder.add_event(event_at(990 - KEPT_NS / MS), 1000 * MS)
    assert bound.bound() == [495]


def test_event_waits_as_long_as_a_picture_takes_to_be_captured() -> None:
    bindings: list[Binding[int]] = []
    binder: FrameBinder[int] = FrameBinder(bindings.append, 1500 * MS)
    for captured_ms in range(1000, 3000, 33):
        if captured_ms == 1330:
            binder.add_event(event_at(1330), 1335 * MS)
        binder.add_frame(captured_ms, captured_ms * MS, 1000)
        binder.tick(captured_ms * MS)
        assert bool(bindings) == (captured_ms >= 2830)
    assert bindings[0].frame in (2815, 2848) and abs(bindings[0].offset_ns) <= 17 * MS


def test_memory_is_bounded() -> None:
    bound = Bound()
    bound.frames(*range(0, 100, 10), size_bytes=KEPT_BYTES // 4)
    bound.binder.add_event(event_at(10), 100 * MS)
    assert bound.bound() == [60]  # the four newest are left
    bound.frames(*range(100, 100_000, 10), size_bytes=1)
    assert len(bound.binder._kept) <= (KEPT_NS + FARTHEST_NS) // (10 * MS) + 2


@given(st.lists(st.integers(min_value=1, max_value=60), min_size=2, max_size=30), st.integers(0, 600))
def test_no_kept_picture_is_nearer_than_the_bound_one(gaps_ms: list[int], at_ms: int) -> None:
    bound = Bound()
    times = [sum(gaps_ms[: index + 1]) for index in range(len(gaps_ms))]
    bound.frames(*times)
    bound.binder.add_event(event_at(at_ms), times[-1] * MS)
    bound.binder.tick((at_ms + 501) * MS)
    (frame,) = bound.bound()
    nearest = min(abs(time - at_ms) for time in times)
    assert (frame is None) == (nearest > FARTHEST_NS / MS)
    assert frame is None or abs(frame - at_ms) == nearest


@pytest.mark.parametrize("frames_per_second", [30, 60])
def test_exposures_over_a_bad_line_are_bound_within_one_picture(frames_per_second: int) -> None:
    firmware = FakeFirmware(temperature_decidegrees=None)
    result = simulate_exposures(firmware, frames_per_second, 120, Faults(), seed=frames_per_second)
    assert result.exposures == result.bound == result.within_one_frame == result.bounds_held == 120
    assert result.worst_uncertainty_ms < 5
