import itertools

import pytest

from edge_app.sources.thinning import Thinning


def _kept(thinning: Thinning, times_s: list[float]) -> list[int]:
    is_wanted = thinning.start()
    return [index for index, time_s in enumerate(times_s) if is_wanted(index, time_s)]


def _times_s(rate_hz: float, count: int) -> list[float]:
    return [round(index / rate_hz, 3) for index in range(count)]


def test_without_a_wish_every_picture_is_wanted() -> None:
    assert _kept(Thinning(), _times_s(30, 5)) == [0, 1, 2, 3, 4]


def test_a_step_keeps_every_nth() -> None:
    assert _kept(Thinning(step=3), _times_s(30, 10)) == [0, 3, 6, 9]


@pytest.mark.parametrize("max_rate_hz", [1.0, 5.0, 7.0, 10.0, 24.0, 30.0, 100.0])
def test_no_second_of_the_clip_holds_more_than_the_rate_and_none_is_starved(max_rate_hz: float) -> None:
    times_s = _times_s(30, 300)
    kept = [times_s[index] for index in _kept(Thinning(max_rate_hz=max_rate_hz), times_s)]
    per_second = [sum(start <= time_s < start + 0.999 for time_s in kept) for start in range(10)]
    expected = min(max_rate_hz, 30)
    assert all(expected - 1 <= count <= expected + 1 for count in per_second)
    assert abs(len(kept) - 10 * expected) <= 1


def test_after_a_gap_there_is_no_burst_to_catch_up() -> None:
    times_s = [*_times_s(30, 30), *(60 + time_s for time_s in _times_s(30, 30))]
    kept = [times_s[index] for index in _kept(Thinning(max_rate_hz=5), times_s)]
    assert all(later - earlier > 0.15 for earlier, later in itertools.pairwise(kept))


def test_each_pass_begins_anew() -> None:
    thinning = Thinning(max_rate_hz=1)
    assert _kept(thinning, [0.0, 0.5]) == _kept(thinning, [0.0, 0.5]) == [0]


@pytest.mark.parametrize("wrong", [{"step": 0}, {"max_rate_hz": 0.0}, {"max_rate_hz": float("nan")}])
def test_a_wish_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Thinning(**wrong)  # type: ignore[arg-type]
