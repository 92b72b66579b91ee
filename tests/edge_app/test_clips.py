"""What is kept of a view for the modules that look at motion."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from fakes.pictures import frame, sector
from numpy.typing import NDArray

from edge_app import clips
from edge_app.clips import ClipRecorder
from edge_app.records import Box, Picture


def picture(
    time_s: float, area: Box | None = None, pixels: NDArray[np.uint8] | None = None, mm_per_pixel: float | None = None
) -> Picture:
    pixels = sector() if pixels is None else pixels
    whole = Box(0, 0, pixels.shape[1], pixels.shape[0])
    return Picture(
        replace(frame(pixels, clip_id="clip", time_s=time_s), mm_per_pixel=mm_per_pixel), "live", "", area or whole
    )


def recorded(times_s: list[float]) -> tuple[float, ...]:
    recorder = ClipRecorder()
    for time_s in times_s:
        recorder.add(picture(time_s))
    clip = recorder.clip()
    assert clip is not None
    return clip.times_s


@pytest.mark.parametrize(
    ("rate_hz", "kept_hz"), [(10, 10), (25, 25), (30, 30), (45, 45), (50, 25), (60, 30), (120, 40)]
)
def test_twenty_five_pictures_a_second_or_all_are_kept(rate_hz: int, kept_hz: int) -> None:
    times_s = recorded([number / rate_hz for number in range(2 * rate_hz + 1)])
    assert times_s[0] == 0.0 and times_s[-1] == pytest.approx(2.0, abs=1 / kept_hz)
    assert np.diff(times_s) == pytest.approx(1 / kept_hz)


def test_only_the_latest_seconds_are_kept() -> None:
    times_s = recorded([number / 25 for number in range(500)])
    assert times_s[0] == 0.0
    assert times_s[-1] == pytest.approx(clips.LONGEST_S, abs=0.05)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "LARGEST_BYTES", 10 * 320 * 240)
    recorder = ClipRecorder()
    for number in range(40):
        recorder.add(picture(number / 25))
        assert sum(kept.image.nbytes for kept in recorder._frames) <= clips.LARGEST_BYTES
    clip = recorder.clip()
    assert clip is not None and len(clip.images) == 10


def test_large_pictures_are_averaged_over_whole_pixels_and_their_spacing_follows() -> None:
    pixels = np.tile(np.repeat(np.arange(160, dtype=np.uint8), 9), (900, 1))
    recorder = ClipRecorder()
    for number in range(3):
        recorder.add(picture(number / 25, Box(300, 90, 900, 720), pixels, mm_per_pixel=0.1))
    clip = recorder.clip()
    assert clip is not None
    assert (clip.reduction, clip.mm_per_pixel) == (3, pytest.approx(0.3))
    assert clip.area.width == 3 * clip.images[0].shape[1] and clip.area.height == 3 * clip.images[0].shape[0]
    assert abs(clip.area.x - 300) <= 3 and abs(clip.area.y - 90) <= 3
    assert abs(clip.area.width - 900) <= 6 and abs(clip.area.height - 720) <= 6
    x = np.arange(clip.images[0].shape[1]) * 3 + clip.area.x
    assert clip.images[0][0] == pytest.approx(pixels[0, np.minimum(x + 1, 1439)], abs=1)


def test_the_usual_picture_area_of_all_frames_is_cut_out_of_every_frame() -> None:
    recorder = ClipRecorder()
    for number, left in enumerate((100, 90, 90, 90, 60)):
        recorder.add(picture(number / 25, Box(left, 40, 140, 150)))
    clip = recorder.clip()
    assert clip is not None and clip.area == Box(90, 40, 140, 150)
    assert all(np.array_equal(image, sector()[40:190, 90:230]) for image in clip.images)
    assert not any(image.flags.writeable for image in clip.images)


def test_an_area_that_the_source_knows_is_kept_without_a_margin() -> None:
    given = replace(picture(0.0).frame, picture_area=Box(20, 30, 100, 120))
    recorder = ClipRecorder()
    recorder.add(Picture(given, "live", "", Box(20, 30, 100, 120)))
    assert recorder._frames[0].image.shape == (120, 100)


@pytest.mark.parametrize("jump_s", [10.0, -1.0], ids=["pause", "time going back"])
def test_a_jump_in_time_begins_a_new_clip_and_the_longer_one_counts(jump_s: float) -> None:
    first, second = [number / 25 for number in range(30)], [number / 25 for number in range(10)]
    assert len(recorded([*first, *(first[-1] + jump_s + time_s for time_s in second)])) == 30
    assert len(recorded([*second, *(second[-1] + jump_s + time_s for time_s in first)])) == 30


def test_of_two_clips_that_are_long_enough_the_later_counts() -> None:
    longer, later = [number / 25 for number in range(140)], [20 + number / 25 for number in range(80)]
    assert len(recorded([*longer, *later])) == 80


def test_frames_of_another_size_begin_a_new_clip() -> None:
    recorder = ClipRecorder()
    for number in range(12):
        recorder.add(picture(number / 25, pixels=sector() if number < 4 else sector(height=200)))
    clip = recorder.clip()
    assert clip is not None and len(clip.images) == 8 and clip.images[0].shape[0] == 200


def test_frames_that_stood_still_are_forgotten() -> None:
    recorder = ClipRecorder()
    for number in range(20):
        recorder.add(picture(number / 20))
    recorder.forget_from(0.5)
    clip = recorder.clip()
    assert clip is not None and clip.times_s[-1] == pytest.approx(0.45)


def test_colour_is_told_from_gray() -> None:
    doppler = cv2.cvtColor(sector(), cv2.COLOR_GRAY2BGR)
    tinted = doppler.copy()
    doppler[60:180, 100:220] = (30, 40, 220)
    tinted[:, :, 0] = np.minimum(tinted[:, :, 0].astype(int) + 20, 255)
    recorder = ClipRecorder()
    for number, pixels in enumerate((cv2.cvtColor(sector(), cv2.COLOR_GRAY2BGR), doppler, tinted)):
        recorder.add(picture(number / 25, pixels=np.asarray(pixels, np.uint8)))
    clip = recorder.clip()
    assert clip is not None and clip.colour_fractions == (0.0, pytest.approx(0.1875, abs=0.03), 0.0)


def test_nothing_kept_is_no_clip() -> None:
    assert ClipRecorder().clip() is None
