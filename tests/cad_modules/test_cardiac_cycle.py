from dataclasses import replace

import numpy as np
import pytest
from fakes.beating_heart import LABELS, DrawnClip, beating_heart

from cad_modules.cardiac_cycle import MODULE
from cad_modules.cardiac_cycle.analyze import counting_every_beat, ejection_fraction, fractional_area_change
from cad_modules.cardiac_cycle.rhythm import Rhythm
from cad_modules.contract import ClipFrame, Findings, UnsuitableImage
from cad_modules.runtime import clip_context
from models.bundle import Prediction


def frames_of(clip: DrawnClip) -> tuple[ClipFrame, ...]:
    return tuple(
        ClipFrame(image, time_s, lambda name, answer=answer: answer)
        for image, answer, time_s in zip(clip.images, clip.predictions, clip.times_s, strict=True)
    )


def analyze(frames: tuple[ClipFrame, ...]) -> Findings:
    answer: Findings = MODULE.analyze(frames, clip_context("us_cardiac"))  # type: ignore[arg-type]
    return MODULE.check(answer)


def with_cavity(frame: ClipFrame, cavity: np.ndarray) -> ClipFrame:
    maps = frame.infer("").values.copy()
    maps[:, :, 0] = cavity
    return replace(frame, infer=lambda name: Prediction(LABELS, maps))


@pytest.mark.parametrize("rate_per_minute", [45, 72, 110, 160])
@pytest.mark.parametrize("frame_s", [1 / 50, 1 / 30, 1 / 15])
def test_the_heart_rate_is_found(rate_per_minute: float, frame_s: float, values) -> None:
    answer = analyze(frames_of(beating_heart(rate_per_minute, seconds=5.0, frame_s=frame_s, trembling=0.02)))
    assert values(answer)["heart_rate"] == pytest.approx(rate_per_minute, rel=0.03)
    low, high = answer.findings[0].interval or (0, 0)
    assert low <= rate_per_minute <= high


@pytest.mark.parametrize("seconds", [4.0, 6.0])
def test_beats_that_are_strong_and_weak_in_turn_count_each(seconds: float, values) -> None:
    found = values(analyze(frames_of(beating_heart(70, seconds=seconds, alternation=0.35, trembling=0.02))))
    assert found["heart_rate"] == pytest.approx(70, rel=0.03)


def test_a_period_of_two_beats_is_halved_and_one_of_one_beat_is_not() -> None:
    times_s = np.arange(0, 5, 0.04)
    phase = (times_s / 0.9) % 1
    filling = 0.55 + 0.2 * np.exp(-(((phase - 0.9) / 0.05) ** 2))  # a plateau, and the atrium's kick
    areas = 1000 * np.where(phase < 0.35, 1 - 0.5 * phase / 0.35, np.minimum(0.5 + (phase - 0.35) * 4, filling + 0.25))
    for period_s in (0.9, 1.8):
        assert counting_every_beat(times_s, areas, Rhythm(period_s, 0.8)).period_s == pytest.approx(0.9)


@pytest.mark.parametrize("area_change", [0.15, 0.4, 0.6])
def test_the_area_change_is_that_of_the_drawn_heart(area_change: float, values) -> None:
    found = values(analyze(frames_of(beating_heart(area_change=area_change))))
    assert found["fractional_area_change"] == pytest.approx(area_change, abs=0.03)
    # Both axes shrink alike: the volume goes with the area to the power of 1.5. The drawn annulus moves a little.
    assert found["ejection_fraction"] == pytest.approx(1 - (1 - area_change) ** 1.5, abs=0.06)


def test_outlines_show_the_largest_and_the_smallest_cavity() -> None:
    answer = analyze(frames_of(beating_heart(area_change=0.5)))
    heights = {
        overlay.label: max(y for _, y in overlay.points) - min(y for _, y in overlay.points)
        for overlay in answer.overlays
    }
    assert set(heights) == {"end_diastole", "end_systole"}
    assert heights["end_systole"] / heights["end_diastole"] == pytest.approx(np.sqrt(0.5), abs=0.04)


def test_a_few_lost_pictures_do_not_matter(values) -> None:
    frames = list(frames_of(beating_heart()))
    for index in (7, 20, 21, 50):
        frames[index] = with_cavity(frames[index], np.zeros((256, 256), np.float32))
    found = values(analyze(tuple(frames)))
    assert found["heart_rate"] == pytest.approx(72, rel=0.03)
    assert found["fractional_area_change"] == pytest.approx(0.4, abs=0.03)


def test_without_an_annulus_there_is_no_ejection_fraction(values) -> None:
    clip = beating_heart()
    no_atrium = tuple(
        Prediction(LABELS, answer.values * np.array([1, 1, 0], np.float32)) for answer in clip.predictions
    )
    found = values(analyze(frames_of(replace(clip, predictions=no_atrium))))
    assert set(found) == {"heart_rate", "fractional_area_change"}


def falling(frames: tuple[ClipFrame, ...]) -> tuple[ClipFrame, ...]:
    return tuple(replace(frame, time_s=-frame.time_s) for frame in frames)


def restless(frames: tuple[ClipFrame, ...]) -> tuple[ClipFrame, ...]:
    order = np.random.default_rng(1).permutation(len(frames))
    return tuple(replace(frames[other], time_s=frame.time_s) for frame, other in zip(frames, order, strict=True))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frames: frames[:1], "one picture"),
        (lambda frames: tuple(replace(frame, time_s=0.0) for frame in frames), "times"),
        (falling, "times"),
        (lambda frames: frames[:12], "too short"),
        (lambda frames: frames[:25], "no rhythm"),  # one beat and a fifth
        (lambda frames: frames[::4], "too few"),
        (lambda frames: (*frames[:30], *frames[45:]), "interrupted"),
        (lambda frames: (*frames[:-1], replace(frames[-1], image=frames[-1].image[:-1])), "several sizes"),
        (lambda frames: tuple(replace(frame, colour_fraction=0.2) for frame in frames), "colour"),
        (lambda frames: tuple(replace(frame, image=frame.image * 0) for frame in frames), "blank"),
        (lambda frames: tuple(replace(frames[0], time_s=frame.time_s) for frame in frames), "hardly changes"),
        (restless, "no rhythm"),
        (
            lambda frames: tuple(with_cavity(frame, np.zeros((256, 256), np.float32)) for frame in frames),
            "in 76 of 76 pictures: no left ventricle",
        ),
    ],
)
def test_what_cannot_be_measured_is_unsuitable_with_its_reason(change, reason: str) -> None:
    with pytest.raises(UnsuitableImage, match=reason):
        analyze(change(frames_of(beating_heart())))


def test_the_formulas_are_those_of_the_literature() -> None:
    assert fractional_area_change(30.0, 18.0) == pytest.approx(0.4)
    volumes = [8 * area**2 / (3 * np.pi * length) for area, length in ((30.0, 8.0), (18.0, 7.0))]
    assert ejection_fraction(30.0, 8.0, 18.0, 7.0) == pytest.approx(1 - volumes[1] / volumes[0])
