import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.clock import DRIFT_MOST_PPM, ClockEstimate, Sample

SECOND_NS = 1_000_000_000


class Controller:
    """A clock that runs at another rate, at the end of a line of varying delay."""

    def __init__(self, drift_ppm: float, seed: int = 0, start_us: int = 5_000_000) -> None:
        self.drift_ppm, self.start_us = drift_ppm, start_us
        self.random = random.Random(seed)

    def at(self, host_ns: float) -> int:
        return self.start_us + int(host_ns * (1 + self.drift_ppm / 1e6)) // 1000

    def exchange(self, host_ns: int, longest_ns: int = 3_000_000) -> Sample:
        there = host_ns + self.random.randrange(200_000, longest_ns)
        wrote = there + self.random.randrange(100_000)
        back = wrote + self.random.randrange(200_000, longest_ns)
        return Sample(host_ns, self.at(there), self.at(wrote), back)


def test_time_before_the_first_exchange_is_unknown() -> None:
    clock = ClockEstimate()
    assert not clock.known
    with pytest.raises(ValueError, match="first exchange"):
        clock.to_host(0)


@given(st.floats(min_value=-190, max_value=190), st.integers(0, 1000), st.integers(min_value=1, max_value=200))
@settings(max_examples=60)
def test_bounds_hold_at_any_drift_within_the_limit(drift_ppm: float, seed: int, pings: int) -> None:
    controller, clock = Controller(drift_ppm, seed), ClockEstimate()
    for number in range(pings):
        clock.add(controller.exchange(number * SECOND_NS // 2))
    for true_ns in (0, pings * SECOND_NS // 4, pings * SECOND_NS // 2 + SECOND_NS):
        moment = clock.to_host(controller.at(true_ns))
        assert abs(moment.at_ns - true_ns) <= moment.uncertainty_ns + 1000  # the controller counts whole us
    assert clock.jumps == 0
    assert abs(clock.drift_ppm + drift_ppm) <= clock.drift_uncertainty_ppm + 0.1  # to 2nd order: -d, not d


def test_drift_of_fifty_ppm_is_found_within_minutes() -> None:
    controller, clock = Controller(50.0), ClockEstimate()
    for number in range(1200):
        clock.add(controller.exchange(number * SECOND_NS // 2))
    assert clock.drift_ppm == pytest.approx(-50, abs=4)
    assert clock.drift_uncertainty_ppm < 8
    assert clock.to_host(controller.at(600 * SECOND_NS)).uncertainty_ns < 1_000_000


def test_one_slow_exchange_does_not_spoil_the_bounds() -> None:
    controller, clock = Controller(0.0), ClockEstimate()
    clock.add(controller.exchange(0, 300_000))
    before = clock.to_host(controller.at(SECOND_NS)).uncertainty_ns
    clock.add(Sample(SECOND_NS // 2, controller.at(SECOND_NS * 0.5), controller.at(SECOND_NS * 0.5), 2 * SECOND_NS))
    assert clock.to_host(controller.at(SECOND_NS)).uncertainty_ns <= before


def test_uncertainty_grows_with_the_time_since_the_last_exchange() -> None:
    controller, clock = Controller(0.0), ClockEstimate()
    clock.add(controller.exchange(0))
    near, far = (clock.to_host(controller.at(seconds * SECOND_NS)).uncertainty_ns for seconds in (1, 100))
    assert far - near == pytest.approx(99 * DRIFT_MOST_PPM * 1000, rel=0.01)


@pytest.mark.parametrize("jump_us", [-3_000_000, -20_000, 20_000, 3_000_000])
def test_clock_that_jumps_is_learned_anew(jump_us: int) -> None:
    controller, clock = Controller(20.0), ClockEstimate()
    for number in range(20):
        clock.add(controller.exchange(number * SECOND_NS // 2))
    controller.start_us += jump_us
    clock.add(controller.exchange(10 * SECOND_NS))
    assert clock.jumps == 1
    moment = clock.to_host(controller.at(10 * SECOND_NS))
    assert abs(moment.at_ns - 10 * SECOND_NS) <= moment.uncertainty_ns + 1000


def test_answer_that_took_less_than_no_time_is_not_believed() -> None:
    clock = ClockEstimate()
    clock.add(Sample(0, 1000, 9000, 1_000_000))
    assert clock.jumps == 1 and not clock.known
