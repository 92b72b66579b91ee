from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fakes.drawn_lung import PLEURA, RATE_HZ, WIDTH, lung_clip

from cad_modules.contract import ClipFrame, Findings, UnsuitableImage
from cad_modules.lung_sliding import MODULE
from cad_modules.runtime import clip_context

Frames = tuple[ClipFrame, ...]


def frames_of(images: tuple[np.ndarray, ...], rate_hz: float = RATE_HZ) -> Frames:
    return tuple(ClipFrame(image, number / rate_hz) for number, image in enumerate(images))


def analyze(frames: Frames) -> Findings:
    answer: Findings = MODULE.analyze(frames, clip_context("us_lung"))  # type: ignore[arg-type]
    return MODULE.check(answer)


def score(images: tuple[np.ndarray, ...], rate_hz: float = RATE_HZ) -> float:
    (finding,) = analyze(frames_of(images, rate_hz)).findings
    assert finding.interval is not None and finding.interval[0] <= finding.value <= finding.interval[1]
    return finding.value


@pytest.mark.parametrize("sliding", [4.0, 10.0, 25.0])
@pytest.mark.parametrize("probe", [0.0, 6.0])
def test_a_lung_that_slides_scores_high_also_under_a_moving_probe(sliding: float, probe: float) -> None:
    assert score(lung_clip(sliding, probe)) > 0.6


@pytest.mark.parametrize("noise", [1.0, 8.0])
@pytest.mark.parametrize("probe", [0.0, 2.5, 8.0])
def test_a_lung_that_stands_still_or_moves_with_the_probe_scores_low(probe: float, noise: float) -> None:
    assert score(lung_clip(0.0, probe, noise)) < 0.3


def test_a_lung_that_stands_still_on_the_screen_behind_a_moving_wall_scores_low() -> None:
    moving = lung_clip(10.0, 5.0)
    still = tuple(np.vstack((image[: PLEURA + 3], moving[0][PLEURA + 3 :])) for image in moving)
    assert score(still) < 0.3 < 0.6 < score(moving)


@pytest.mark.parametrize("rate_hz", [10.0, 49.0])
def test_the_frame_rate_does_not_matter(rate_hz: float) -> None:
    assert score(lung_clip(10.0, rate_hz=rate_hz), rate_hz) > 0.6
    assert score(lung_clip(0.0, rate_hz=rate_hz), rate_hz) < 0.3


def test_repeated_pictures_of_a_fast_video_output_do_not_matter() -> None:
    images = lung_clip(10.0)
    twice = frames_of(tuple(image for image in images for _ in range(2)), 2 * RATE_HZ)
    once = analyze(frames_of(images)).findings[0].value
    assert analyze(twice).findings[0].value == pytest.approx(once, abs=0.03)


def test_overlays_show_the_beam_of_the_m_mode_and_the_measured_region() -> None:
    line, region = analyze(frames_of(lung_clip())).overlays
    assert (line.kind, line.label, region.kind, region.label) == ("line", "m_mode", "polygon", "sliding_region")
    (x0, y0), (x1, y1) = line.points
    assert x0 == pytest.approx(x1, abs=3) and 0 < x0 < WIDTH and y0 < 20 and y1 > 280
    assert min(y for _, y in region.points) == pytest.approx(PLEURA, abs=8)


def changed(**values: object) -> Callable[[Frames], Frames]:
    return lambda frames: tuple(replace(frame, **values) for frame in frames)  # type: ignore[arg-type]


def without_line(frames: Frames) -> Frames:
    noise = np.random.default_rng(2).integers(0, 255, (len(frames), 300, 280), np.uint8)
    return tuple(replace(frame, image=image) for frame, image in zip(frames, noise, strict=True))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frames: frames[:1], "one picture"),
        (changed(time_s=0.0), "times"),
        (lambda frames: tuple(replace(frame, time_s=-frame.time_s) for frame in frames), "times"),
        (lambda frames: frames[:20], "too short"),
        (lambda frames: frames[::5], "too few"),
        (lambda frames: (*frames[:20], *frames[40:]), "interrupted"),
        (lambda frames: (frames[0], *(replace(frame, image=frame.image[:-2]) for frame in frames[1:])), "sizes"),
        (changed(colour_fraction=0.1), "colour"),
        (changed(image=np.zeros((300, 280), np.uint8)), "blank"),
        (lambda frames: changed(image=frames[0].image)(frames), "stands still"),
        (without_line, "no pleural line"),
    ],
)
def test_what_cannot_be_measured_is_unsuitable_with_its_reason(change: Callable[[Frames], Frames], reason: str) -> None:
    with pytest.raises(UnsuitableImage, match=reason):
        analyze(change(frames_of(lung_clip())))
