"""The controller's clock on the host's: offset and drift, with bounds that hold and not only a guess.

Every ping gives two inequalities: it was written before it was received, and the answer was written before it was read.
With the drift between two limits, each of them bounds the host's time at any moment of the controller's clock; the
tightest bounds are kept. Source for the exchange: RFC 5905, section 8; for bounds instead of averages: K. Marzullo and
S. Owicki, Maintaining the time in a distributed system, 1983.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

SAMPLES_KEPT: Final = 64
"""Half a minute of pings."""
ANCHORS_KEPT: Final = 20
"""The tightest sample of each half minute: ten minutes, over which the drift shows."""
DRIFT_MOST_PPM: Final = 200.0
"""A quartz of 100 ppm on either side; a worse clock counts as one that jumps."""
DRIFT_CHANGE_PPM: Final = 2.0
"""How much the drift may change within these ten minutes: a quartz of 0.04 ppm/K2 that warms by 7 K."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One exchange."""

    asked_ns: int
    """Host's monotonic time just before the question was written."""
    received_us: int
    """Controller's time when it came."""
    sent_us: int
    """Controller's time when the answer was written."""
    answered_ns: int
    """Host's monotonic time just after the answer was read."""

    @property
    def width_ns(self) -> int:
        """How far the two bounds are apart: the time on the line, both ways."""
        return self.answered_ns - self.asked_ns - (self.sent_us - self.received_us) * 1000

    @property
    def offset_ns(self) -> float:
        """Host's minus controller's time, in the middle of the bounds."""
        return (self.asked_ns - self.received_us * 1000 + self.answered_ns - self.sent_us * 1000) / 2


@dataclass(frozen=True, slots=True)
class HostTime:
    """A moment of the controller's clock on the host's."""

    at_ns: int
    """Monotonic clock."""
    uncertainty_ns: int
    """It is at most so much earlier or later."""


class ClockEstimate:
    """Translates the controller's time; no samples, no translation."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_KEPT)
        self._anchors: deque[Sample] = deque(maxlen=ANCHORS_KEPT)
        self._until_anchor = SAMPLES_KEPT
        self._drift_ppm = (-DRIFT_MOST_PPM, DRIFT_MOST_PPM)
        self.jumps = 0
        """Times that the controller's clock did not fit what was known: it stood still, or the host's did."""

    def add(self, sample: Sample) -> None:
        """Take an exchange; one that contradicts the earlier ones makes them worthless."""
        if sample.width_ns < 0 or not self._fits(sample):
            self.jumps += 1
            self.reset()
        if sample.width_ns < 0:
            return
        self._samples.append(sample)
        self._drift_ppm = self._find_drift()
        self._until_anchor -= 1
        if not self._until_anchor:
            self._anchors.append(_tightest(self._samples))
            self._until_anchor = SAMPLES_KEPT

    def reset(self) -> None:
        """Forget everything: the controller's clock begins anew."""
        self._samples.clear()
        self._anchors.clear()
        self._until_anchor = SAMPLES_KEPT
        self._drift_ppm = (-DRIFT_MOST_PPM, DRIFT_MOST_PPM)

    @property
    def known(self) -> bool:
        """Whether there is a sample."""
        return bool(self._samples)

    @property
    def drift_ppm(self) -> float:
        """How much slower the controller's clock is than the host's, in the middle of its limits."""
        return sum(self._drift_ppm) / 2

    @property
    def drift_uncertainty_ppm(self) -> float:
        """The drift is at most so much more or less."""
        return (self._drift_ppm[1] - self._drift_ppm[0]) / 2

    def to_host(self, time_us: int) -> HostTime:
        """The host's time at a moment of the controller's clock.

        Raises:
            ValueError: No exchange was made yet.
        """
        if not self._samples:
            raise ValueError("nothing is known of the controller's clock before the first exchange")
        earliest, latest = self._bounds(time_us)
        return HostTime(round((earliest + latest) / 2), max(0, round((latest - earliest) / 2)))

    def _bounds(self, time_us: int) -> tuple[float, float]:
        """The earliest and the latest host's time, in ns, that every sample allows."""
        slow, fast = self._drift_ppm
        earliest, latest = float("-inf"), float("inf")
        for sample in self._samples:
            after_received_ns = (time_us - sample.received_us) * 1000
            after_sent_ns = (time_us - sample.sent_us) * 1000
            lower = sample.asked_ns + after_received_ns + min(slow * after_received_ns, fast * after_received_ns) / 1e6
            upper = sample.answered_ns + after_sent_ns + max(slow * after_sent_ns, fast * after_sent_ns) / 1e6
            earliest, latest = max(earliest, lower), min(latest, upper)
        return earliest, latest

    def _fits(self, sample: Sample) -> bool:
        if not self._samples:
            return True
        if sample.received_us < self._samples[-1].received_us:
            return False
        earliest, _ = self._bounds(sample.sent_us)
        _, latest = self._bounds(sample.received_us)
        return sample.answered_ns >= earliest and sample.asked_ns <= latest

    def _find_drift(self) -> tuple[float, float]:
        """Limits of the drift in ppm, from the newer half of the samples against the older half and the anchors."""
        half = len(self._samples) // 2
        if not half:
            return self._drift_ppm
        samples = list(self._samples)
        late = _tightest(samples[half:])
        slow, fast = -DRIFT_MOST_PPM, DRIFT_MOST_PPM
        for early in (*self._anchors, _tightest(samples[:half])):
            if early.sent_us < late.received_us:
                least, most = _drift_between(early, late)
                slow, fast = max(slow, least - DRIFT_CHANGE_PPM), min(fast, most + DRIFT_CHANGE_PPM)
        return (slow, fast) if slow <= fast else (-DRIFT_MOST_PPM, DRIFT_MOST_PPM)


def _tightest(samples: Iterable[Sample]) -> Sample:
    return min(samples, key=lambda sample: sample.width_ns)


def _drift_between(early: Sample, late: Sample) -> tuple[float, float]:
    """The least and the most drift in ppm that two exchanges allow."""
    shortest_ns = late.asked_ns - early.answered_ns
    shortest_told_ns = (late.received_us - early.sent_us) * 1000
    longest_ns = late.answered_ns - early.asked_ns
    longest_told_ns = (late.sent_us - early.received_us) * 1000
    return (shortest_ns / shortest_told_ns - 1) * 1e6, (longest_ns / longest_told_ns - 1) * 1e6
