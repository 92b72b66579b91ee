"""A view: the frames from one cut to the next. Picks its best frames and sums it up in the end."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np

from cad_modules.contract import CATEGORIES
from edge_app.clips import ClipRecorder
from edge_app.records import Analysis, CategoryScore, Change, Classification, Frame, Picture
from edge_app.view_summary import ModuleSummary
from edge_app.voting import Vote

STILL_AFTER_S: Final = 0.4
"""A live screen that did not change for this time was frozen, or shows a still picture."""
FRAMES_OF_A_VIEW: Final = 5
"""Fewer may be torn pictures between two views."""
ADVICE_EVERY: Final = 10
"""Frames between two looks at whether the view has been scanned for long enough."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A classified picture that may be analysed."""

    picture: Picture
    classification: Classification
    sharpness: float


@dataclass(frozen=True, slots=True, eq=False)
class Latest:
    """What is remembered of the newest frame: not its megabytes."""

    classification: Classification
    sharpness: float


@dataclass(slots=True)
class View:
    """The frames of one view, as they come."""

    first: Frame
    interval_s: float
    """One frame is analysed in each interval of this length, the sharpest of the accepted ones."""
    clip_categories: frozenset[str] = frozenset()
    """Once a frame is accepted as one of these, the view's frames are kept for the modules that look at clips."""
    recorder: ClipRecorder = field(default_factory=ClipRecorder)
    vote: Vote = field(default_factory=Vote)
    chosen: int = 0
    """Frames that were given to the modules; the pipeline counts them."""
    analysed: int = 0
    """Frames that the modules have answered on."""
    moved: bool = False
    advice: str = ""
    """For the operator: whether to keep scanning, or what the frames of a moving view agree on so far."""
    last: Latest | None = None
    live: bool = False
    """Of a live source: its pictures beside a cut may be torn, half of one view and half of the other, and are not
    chosen."""
    _best: Candidate | None = None
    _unconfirmed: Candidate | None = None
    """Of a live source, the newest frame: it counts once the next one shows the same view."""
    _doubtful: Candidate | None = None
    """Of a live source, a frame that moved much against its neighbours; for a view that has no better one."""
    _interval_start_s: float = 0.0
    _unchanged_since_s: float | None = None
    _still_reported: bool = False
    _end_s: float = 0.0
    _probabilities: Counter[str] = field(default_factory=Counter)
    _scored: int = 0
    _ood: float = 0.0
    _counted: int = 0
    """Frames whose scores were added up; once the view has changed, more than the vote's ``frames``."""
    _analyses: dict[str, ModuleSummary] = field(default_factory=lambda: defaultdict(ModuleSummary))

    def __post_init__(self) -> None:
        self.first = self.first.without_pixels()
        self._interval_start_s = self._end_s = self.first.time_s

    @property
    def frames(self) -> int:
        """Frames so far."""
        return self.vote.frames

    @property
    def has_changed(self) -> bool:
        """True once the picture has come to show another category without a cut: a new view has begun."""
        return self.vote.changed

    @property
    def duration_s(self) -> float:
        """From the first to the last frame."""
        return max(0.0, self._end_s - self.first.time_s)

    @property
    def is_clip(self) -> bool:
        """True once the picture moved: a clip report closes the view."""
        return self.moved

    def add(self, candidate: Candidate, change: Change, settled: bool = True) -> Iterator[Candidate]:
        """Take the next classified frame; yields the frames that are to be analysed now.

        These are the best of an interval that has ended, and a picture that stands still, once. Of a live source, one
        that is not ``settled`` (``Motion.settled``) is not among the former, nor is the one before it.
        """
        frame = candidate.picture.frame
        self._count(candidate)
        self.moved = self.moved or change == "moving"
        if self.moved and self.frames % ADVICE_EVERY == 0:
            self.advice = self.vote.verdict().reason
        if change == "same":
            if self._unchanged_since_s is None:
                self._unchanged_since_s = frame.time_s
            if not self._still_reported and frame.time_s - self._unchanged_since_s >= STILL_AFTER_S:
                self._still_reported = True
                self._best = None
                self.recorder.forget_from(self._unchanged_since_s)
                yield candidate
            if not self._still_reported:
                self._record(candidate.picture)
            return
        self._unchanged_since_s, self._still_reported = None, False
        self._record(candidate.picture)
        if settled:
            self._take(self._unconfirmed)
        else:
            self._doubtful = self._unconfirmed or self._doubtful
        self._unconfirmed = None
        if frame.time_s - self._interval_start_s >= self.interval_s:
            yield from self.flush()
            self._interval_start_s = frame.time_s
        if self.chosen:
            self._doubtful = None  # there is a better one
        if not self.live:
            self._take(candidate)
        elif settled:
            self._unconfirmed = candidate
        elif change == "moving":
            self._doubtful = candidate

    def _take(self, candidate: Candidate | None) -> None:
        """Remember the candidate if it is the best so far."""
        if candidate is not None and (self._best is None or _rank(candidate) > _rank(self._best)):
            self._best = candidate

    def flush(self) -> Iterator[Candidate]:
        """Yields the best frame of the interval that has not ended yet, if it moved or nothing was analysed so far."""
        best, self._best = self._best, None
        if best is None and not self.chosen and self.frames >= FRAMES_OF_A_VIEW:
            best = self._doubtful
        if best is not None and (self.moved or not self.chosen):
            yield best

    def keep(self, analyses: tuple[Analysis, ...]) -> None:
        """Remember what the modules said of one of the frames."""
        self.analysed += 1
        for analysis in analyses:
            self._analyses[analysis.module].add(analysis)

    def classification(self) -> Classification:
        """What the view as a whole shows: the mean of its frames' scores, and how many of them agree.

        Rejected with the advice to keep scanning where too few independent frames agree.
        """
        assert self.last is not None
        latest = self.last.classification
        ood_score = self._ood / max(1, self._counted)
        scored = max(1, self._scored)
        scores = tuple(
            sorted(
                (CategoryScore(name, self._probabilities[name] / scored) for name in CATEGORIES if self._scored),
                key=lambda score: -score.probability,
            )
        )
        if latest.chosen_by is not None:
            return replace(latest, scores=scores, ood_score=ood_score)
        verdict = self.vote.verdict()
        agreed = verdict.category if verdict.state == "agreed" else None
        return replace(
            latest,
            decision="rejected" if agreed is None else "accepted",
            category=agreed,
            reason=verdict.reason,
            prediction_set=() if agreed is None else (agreed,),
            scores=scores,
            ood_score=ood_score,
        )

    def analyses(self) -> tuple[Analysis, ...]:
        """One entry per module: each feature's median over the analysed frames, its interval the frames' 95 % range."""
        return tuple(summary.analysis() for summary in self._analyses.values())

    def _record(self, picture: Picture) -> None:
        if self.clip_categories and not self.clip_categories.isdisjoint(self.vote.accepted):
            self.recorder.add(picture)

    def _count(self, candidate: Candidate) -> None:
        classification = candidate.classification
        self.last = Latest(classification, candidate.sharpness)
        self._end_s = candidate.picture.frame.time_s
        self.vote.add(classification, self._end_s)
        self._ood += classification.ood_score
        self._counted += 1
        if classification.scores:
            self._scored += 1
            self._probabilities.update({score.category: score.probability for score in classification.scores})


def sharpness(picture: Picture) -> float:
    """Variance of the Laplacian of a sample of the picture: higher is sharper.

    Source: J. L. Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000.
    """
    step = max(1, min(picture.area.height, picture.area.width) // 160)
    pixels = picture.pixels
    gray = np.ascontiguousarray(pixels[::step, ::step] if pixels.ndim == 2 else pixels[::step, ::step, 1])
    return float(cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_16S))[1][0, 0]) ** 2


def _rank(candidate: Candidate) -> tuple[int, float]:
    order = {"accepted": 2, "ambiguous": 1, "rejected": 0}
    return order[candidate.classification.decision], candidate.sharpness
