"""What a view's frames say together: neighbours are nearly one picture, so a hundred frames are not a hundred votes."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CATEGORIES
from edge_app.records import Classification

KEPT: Final = 1000
"""Latest frames that correlation is estimated from."""
MAJORITY: Final = 0.5
"""A category needs more than this share of a view's frames."""
Z: Final = 1.645
"""Standard normal quantile: the majority is known with 95 % confidence (one-sided)."""
SPACING_S: Final = 0.5
"""Frames that all have the very same scores tell nothing of their correlation; one in this time is counted then."""
LEAST_SPACING_S: Final = 0.1
"""However little their scores have to do with one another, frames closer than this show the same tissue."""
CERTAIN: Final = 10.0
"""Log-odds beyond which a frame is not surer still."""
CHANGED_S: Final = 1.5
"""As long as this, all frames have to be accepted as another category for the view to have changed without a cut."""
CHANGED_FRAMES: Final = 8


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the frames of a view agree on."""

    state: Literal["agreed", "keep scanning", "disagreed"]
    category: str | None
    """Accepted in most of the frames so far; None: there is none."""
    agreeing: int
    """Frames accepted as it."""
    frames: int
    independent: float
    """Frames that would say as much if they had nothing to do with one another."""

    @property
    def reason(self) -> str:
        """In plain words."""
        if self.category is None or self.state == "disagreed":
            return f"no category in more than {self.agreeing} of {self.frames} frames"
        agreed = f"{self.category} in {self.agreeing} of {self.frames} frames"
        if self.state == "agreed":
            return agreed
        return f"keep scanning: {agreed}, which say no more than {self.independent:.1f} independent ones"


@dataclass(slots=True)
class Vote:
    """Counts the frames of one view."""

    accepted: Counter[str] = field(default_factory=Counter)
    _log_odds: deque[NDArray[np.float32]] = field(default_factory=lambda: deque(maxlen=KEPT))
    _seen: int = 0
    _first_s: float = 0.0
    _last_s: float = 0.0
    _other: str | None = None
    """What the latest frames are accepted as, if not as what most are; not counted before it is over."""
    _other_since_s: float = 0.0
    _other_frames: int = 0

    def add(self, classification: Classification, time_s: float) -> None:
        """Count the next frame; ``time_s`` is on the source's clock."""
        if not self._seen:
            self._first_s = time_s
        self._seen += 1
        self._last_s = time_s
        if classification.scores:
            probabilities = {score.category: score.probability for score in classification.scores}
            known = np.clip([probabilities[name] for name in CATEGORIES], 1e-9, 1 - 1e-9)
            self._log_odds.append(np.clip(np.log(known / (1 - known)), -CERTAIN, CERTAIN).astype(np.float32))
        category = classification.category
        if self._other is not None and category != self._other:
            self.accepted[self._other] += self._other_frames
            self._other, self._other_frames = None, 0
        if category is None:
            return
        if category == (self._leader() or category):
            self.accepted[category] += 1
            return
        if self._other is None:
            self._other, self._other_since_s = category, time_s
        self._other_frames += 1

    @property
    def frames(self) -> int:
        """Frames so far; once the view has changed, those before the change."""
        return self._seen - self._other_frames if self.changed else self._seen

    @property
    def changed(self) -> bool:
        """True once the latest frames all show another category than the view did: a new view without a cut."""
        lasting = self._last_s - self._other_since_s >= CHANGED_S and self._other_frames >= CHANGED_FRAMES
        return self._other is not None and lasting

    def verdict(self) -> Verdict:
        """What the frames so far agree on.

        Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22:209-212, 1927,
        with the effective number of frames.
        """
        category = self._leader()
        agreeing = self.accepted[category] if category is not None else 0
        if category is None or agreeing <= MAJORITY * self.frames:
            return Verdict("disagreed", category, agreeing, self.frames, 0.0)
        independent = self._independent(category)
        share = agreeing / self.frames
        spread = Z * np.sqrt(share * (1 - share) / independent + Z**2 / (4 * independent**2))
        least = (share + Z**2 / (2 * independent) - spread) / (1 + Z**2 / independent)
        state: Literal["agreed", "keep scanning"] = "agreed" if least > MAJORITY else "keep scanning"
        return Verdict(state, category, agreeing, self.frames, independent)

    def _leader(self) -> str | None:
        return self.accepted.most_common(1)[0][0] if self.accepted else None

    def _independent(self, category: str) -> float:
        column = CATEGORIES.index(category)
        counted = list(self._log_odds)[: -self._other_frames or None] if self.changed else self._log_odds
        series = np.array([odds[column] for odds in counted], np.float64)
        end_s = self._other_since_s if self.changed else self._last_s
        duration_s = max(0.0, end_s - self._first_s)
        if len(series) < 2 or np.ptp(series) == 0:
            return 1 + duration_s / SPACING_S
        return max(1.0, min(self.frames / correlation_time(series), 1 + duration_s / LEAST_SPACING_S))


def correlation_time(series: NDArray[np.float64]) -> float:
    """How many neighbours in a series say as much as one independent value; at least 1.

    Args:
        series: Values in order, not all alike, shape (values,).

    Source: Geyer, "Practical Markov chain Monte Carlo", Statistical Science 7:473-483, 1992, section 3.3 (initial
    positive sequence); of a short series it makes too little, so that what the first neighbour alone says, (1 + r) /
    (1 - r), is the least.
    """
    centred = series - series.mean()
    spectrum = np.fft.rfft(centred, 2 * len(series))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: len(series)]
    correlation = correlation / correlation[0]
    if len(correlation) % 2:
        correlation = correlation[:-1]
    pairs = correlation.reshape(-1, 2).sum(axis=1)
    positive = len(pairs) if (pairs > 0).all() else int(np.argmax(pairs <= 0))
    neighbour = float(min(correlation[1], 1 - 1e-6))
    return float(max(1.0, 2 * pairs[:positive].sum() - 1, (1 + neighbour) / (1 - neighbour)))
