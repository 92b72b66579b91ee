"""Measure the heart's rhythm and how much the left ventricle contracts."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from cad_modules.cardiac_cycle.rhythm import Curve, Rhythm, find_rhythm
from cad_modules.cine import rate_hz, refuse_unusable_clip
from cad_modules.contract import AnalysisContext, ClipFrame, Finding, Findings, Overlay, UnsuitableImage
from cad_modules.geometry import Points, area, resampled, simplified
from cad_modules.ventricle import BUNDLE, OUTLINE_POINTS, find_cavity, long_axis
from models.bundle import Prediction

LOWEST_RATE_HZ: Final = 12.0
"""End systole lasts about a tenth of a second."""
SHORTEST_S: Final = 0.6
"""One and a half beats of a fast heart."""
ENOUGH_RATE_HZ: Final = 25.0
"""Of faster clips every second or third picture is measured."""
FEWEST_MEASURED: Final = 0.8
"""Part of the pictures in which the cavity must be found."""
LONGEST_GUESS: Final = 0.2
"""Part of a beat without a found cavity over which the area is interpolated."""
SMOOTHING_S: Final = 0.025
"""Standard deviation of the smoothing of the area curve; the ventricle fills and empties within 0.2 s and more."""
SMALLEST_CHANGE: Final = 0.05
"""Fractional area change below which no beat can be told from the network's own trembling."""
SECOND_SYSTOLE: Final = 0.5
"""Depth of a valley in the middle of a beat, of the beat's own, from which it is a systole and the beat two."""
BEFORE_SYSTOLE: Final = 0.75
"""Part of a period before end systole in which end diastole lies."""
AREA_CHANGE_ERROR: Final = 0.062
"""Standard deviation of the fractional area change of one pair of pictures against the experts' (CAMUS, val split)."""
EJECTION_ERROR: Final = 0.085
"""The same for the ejection fraction against the same formula on the experts' outlines."""


@dataclass(frozen=True, slots=True, eq=False)
class Cavity:
    """The left ventricle in one picture."""

    outline: Points
    area: float
    """Pixels squared."""
    length: float | None
    """From the middle of the mitral annulus to the apex, pixels; None if the annulus cannot be told."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One contraction; indices of frames."""

    end_diastole: int
    end_systole: int
    area_change: float
    """Fractional."""
    ejection: float | None
    """Fraction."""


def analyze(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
    """Measure heart rate, fractional area change and ejection fraction over the beats of a clip.

    Args:
        frames: An apical four-chamber view, one and a half beats or more.
        context: Category; the spacing does not matter, for all is rates and ratios.

    Returns:
        ``heart_rate`` (1/min); ``fractional_area_change`` (1) and ``ejection_fraction`` (1, area-length), medians over
        the beats, with 95 % intervals; the last one only where the mitral annulus can be told. Overlays
        ``end_diastole``, ``end_systole``: the cavity in the beat that is nearest to the median.

    Raises:
        UnsuitableImage: The clip is too short or slow, shows no left ventricle, or nothing that returns.

    Source: Lang et al., J Am Soc Echocardiogr 2015;28:1-39: fractional area change, single-plane area-length volume
    (8 area^2 / 3 pi length); rhythm: see ``rhythm.find_rhythm``.
    """
    refuse_unusable_clip(frames, SHORTEST_S, LOWEST_RATE_HZ)
    frames = frames[:: max(1, int(rate_hz(frames) / ENOUGH_RATE_HZ + 0.1))]
    cavities = _cavities(frames)
    times_s = np.array([frame.time_s for frame in frames])
    found = np.array([cavity is not None for cavity in cavities])
    areas = np.array([cavity.area for cavity in cavities if cavity is not None])
    curve = _smoothed(times_s, np.interp(times_s, times_s[found], areas))
    if float(np.percentile(curve, 5)) > (1 - SMALLEST_CHANGE) * float(np.percentile(curve, 95)):
        raise UnsuitableImage("the left ventricle hardly changes: no heartbeat can be told")
    rhythm = find_rhythm(times_s, curve, [frame.image for frame in frames])
    if rhythm is None:
        raise UnsuitableImage(
            "no rhythm can be told: hold the probe still, with the left ventricle in the picture, for three heartbeats"
        )
    rhythm = counting_every_beat(times_s, curve, rhythm)
    if float(np.diff(times_s[found]).max()) > LONGEST_GUESS * rhythm.period_s + 1.5 / rate_hz(frames):
        raise UnsuitableImage("the left ventricle is lost for a part of the beat")
    systoles = end_systoles(times_s, curve, rhythm)
    beats = [beat for index in systoles if (beat := _beat(index, times_s, curve, cavities, rhythm)) is not None]
    if not beats:
        raise UnsuitableImage("less than one whole heartbeat is seen")
    middle = float(np.median([beat.area_change for beat in beats]))
    typical = min(beats, key=lambda beat: abs(beat.area_change - middle))
    ejections = [beat.ejection for beat in beats if beat.ejection is not None]
    findings = [
        _heart_rate(times_s, systoles, rhythm),
        _median("fractional_area_change", [beat.area_change for beat in beats], AREA_CHANGE_ERROR),
    ]
    if ejections:
        findings.append(_median("ejection_fraction", ejections, EJECTION_ERROR))
    overlays = (
        _outline("end_diastole", cavities, typical.end_diastole),
        _outline("end_systole", cavities, typical.end_systole),
    )
    return Findings(tuple(findings), overlays)


def cavity_of(prediction: Prediction, height: int, width: int) -> Cavity:
    """The cavity in one picture.

    Raises:
        UnsuitableImage: It cannot be made out.
    """
    outline = find_cavity(prediction, height, width)
    axis = long_axis(resampled(outline, OUTLINE_POINTS), prediction, height, width)
    return Cavity(outline, area(outline), None if axis is None else float(np.hypot(*(axis[1] - axis[0]))))


def fractional_area_change(diastolic_area: float, systolic_area: float) -> float:
    """How much smaller the cavity is at end systole than at end diastole, as a part of the latter."""
    return (diastolic_area - systolic_area) / diastolic_area


def ejection_fraction(
    diastolic_area: float, diastolic_length: float, systolic_area: float, systolic_length: float
) -> float:
    """The same of its volume, 8 area^2 / (3 pi length)."""
    return 1 - (systolic_area**2 / systolic_length) / (diastolic_area**2 / diastolic_length)


def end_systoles(times_s: Curve, curve: Curve, rhythm: Rhythm) -> list[int]:
    """The frame with the smallest area of each beat, rising; beats cut off by an end of the clip are left out."""
    smallest = int(curve.argmin())
    found = {smallest}
    for direction in (-1, 1):
        expected_s = times_s[smallest] + direction * rhythm.period_s
        while times_s[0] <= expected_s <= times_s[-1]:
            near = np.flatnonzero(np.abs(times_s - expected_s) <= 0.25 * rhythm.period_s)
            if not len(near):
                break
            index = int(near[curve[near].argmin()])
            found.add(index)
            expected_s = times_s[index] + direction * rhythm.period_s
    inner = (index for index in found if 0 < index < len(curve) - 1)
    return sorted(index for index in inner if curve[index - 1] >= curve[index] <= curve[index + 1])


def counting_every_beat(times_s: Curve, curve: Curve, rhythm: Rhythm) -> Rhythm:
    """The rhythm, or half its period if in the middle of most of its beats there is a second systole."""
    systoles = end_systoles(times_s, curve, rhythm)
    seen, double = 0, 0
    for first, last in pairwise(systoles):
        part = (times_s[first : last + 1] - times_s[first]) / (times_s[last] - times_s[first])
        middle = np.flatnonzero((part > 0.3) & (part < 0.7))
        if not len(middle):
            continue
        beat = curve[first : last + 1]
        valley = int(middle[beat[middle].argmin()])
        depth = min(float(beat[: valley + 1].max()), float(beat[valley:].max())) - float(beat[valley])
        seen += 1
        double += depth > SECOND_SYSTOLE * (float(beat.max()) - max(float(beat[0]), float(beat[-1])))
    return replace(rhythm, period_s=rhythm.period_s / 2) if seen and 2 * double > seen else rhythm


def _cavities(frames: tuple[ClipFrame, ...]) -> list[Cavity | None]:
    cavities: list[Cavity | None] = []
    reasons: Counter[str] = Counter()
    for frame in frames:
        try:
            cavities.append(cavity_of(frame.infer(BUNDLE), *frame.image.shape))
        except UnsuitableImage as error:
            cavities.append(None)
            reasons[str(error)] += 1
    if reasons.total() > (1 - FEWEST_MEASURED) * len(frames):
        reason, _ = reasons.most_common(1)[0]
        raise UnsuitableImage(f"in {reasons.total()} of {len(frames)} pictures: {reason}")
    return cavities


def _smoothed(times_s: Curve, areas: Curve) -> Curve:
    """Without single outliers (median of three), then by a Gaussian over time."""
    padded = np.pad(areas, 1, mode="edge")
    steady = np.median(np.stack((padded[:-2], padded[1:-1], padded[2:])), axis=0)
    weights = np.exp(-0.5 * ((times_s[:, np.newaxis] - times_s) / SMOOTHING_S) ** 2)
    return np.asarray(weights @ steady / weights.sum(axis=1), np.float64)


def _beat(systole: int, times_s: Curve, curve: Curve, cavities: list[Cavity | None], rhythm: Rhythm) -> Beat | None:
    """The beat that ends with an end systole; None if the diastole before it is not seen."""
    begin_s = times_s[systole] - BEFORE_SYSTOLE * rhythm.period_s
    if begin_s < times_s[0] - 0.1 * rhythm.period_s:
        return None
    before = np.flatnonzero((times_s >= begin_s) & (times_s <= times_s[systole]))
    diastole = int(before[curve[before].argmax()])
    lengths = _length(cavities, diastole), _length(cavities, systole)
    ejection = None
    if lengths[0] is not None and lengths[1] is not None:
        ejection = ejection_fraction(float(curve[diastole]), lengths[0], float(curve[systole]), lengths[1])
    change = fractional_area_change(float(curve[diastole]), float(curve[systole]))
    return Beat(diastole, systole, change, ejection)


def _length(cavities: list[Cavity | None], index: int) -> float | None:
    """The median of the lengths in a frame and its neighbours."""
    near = [cavity.length for cavity in cavities[max(0, index - 1) : index + 2] if cavity and cavity.length]
    return float(np.median(near)) if near else None


def _heart_rate(times_s: Curve, systoles: list[int], rhythm: Rhythm) -> Finding:
    """The rate, with a 95 % interval from the beats' own lengths, one frame of error at either end at least."""
    lengths_s = np.diff(times_s[systoles])
    step_s = float(np.median(np.diff(times_s)))
    error_s = step_s / max(1, len(lengths_s))
    if len(lengths_s) > 1:
        error_s = math.hypot(error_s, 1.96 * float(lengths_s.std(ddof=1)) / math.sqrt(len(lengths_s)))
    error_s = min(error_s, rhythm.period_s / 2)
    low, high = 60 / (rhythm.period_s + error_s), 60 / (rhythm.period_s - error_s)
    return Finding("heart_rate", 60 / rhythm.period_s, "1/min", (low, high))


def _median(feature: str, values: list[float], error: float) -> Finding:
    """The median over the beats; its 95 % interval from their spread and the method's own error."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    reach = 1.96 * math.hypot(error, spread / math.sqrt(len(values)))
    middle = float(np.median(values))
    return Finding(feature, middle, "1", (max(0.0, middle - reach), min(1.0, middle + reach)))


def _outline(label: str, cavities: list[Cavity | None], index: int) -> Overlay:
    """The cavity found in the frame or in the one nearest to it."""
    order = sorted(range(len(cavities)), key=lambda other: abs(other - index))
    cavity = next(found for other in order if (found := cavities[other]) is not None)
    return Overlay("polygon", label, simplified(cavity.outline))
