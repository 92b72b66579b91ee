"""Made-up motion of lung clips."""

from pathlib import Path

import cv2
import numpy as np
from fakes.drawn_lung import PLEURA, lung_clip

from tools.module_evaluation.sliding import STILL, _line, _moved, read_clip

CLIP = (list(lung_clip(seconds=1.0)), np.arange(26) / 25)


def made(kind: str) -> list[np.ndarray]:
    line = _line(CLIP[0])
    assert line is not None
    return STILL[kind](CLIP, line, np.random.default_rng(1))


def test_a_frozen_lung_lies_under_the_real_chest_wall() -> None:
    for frozen, real in zip(made("lung frozen"), CLIP[0], strict=True):
        assert np.array_equal(frozen[: PLEURA - 8], real[: PLEURA - 8])
        assert np.array_equal(frozen[PLEURA + 12 :], CLIP[0][0][PLEURA + 12 :])


def test_noise_over_a_frozen_lung_is_another_one_in_each_frame() -> None:
    one, other = made("lung frozen, with noise")[3:5]
    assert not np.array_equal(one[PLEURA + 12 :], other[PLEURA + 12 :])


def test_a_moving_probe_shifts_the_first_frame_along_a_smooth_path() -> None:
    frames = made("all frozen, probe moves")
    assert np.array_equal(frames[0], CLIP[0][0])
    changes = [float(np.abs(frame.astype(int) - frames[0]).mean()) for frame in frames]
    assert changes[1] < changes[12] and changes[12] > 2
    template = frames[0][60:240, 60:220]
    found = [cv2.matchTemplate(frame, template, cv2.TM_CCOEFF_NORMED) for frame in frames]
    assert min(float(match.max()) for match in found) > 0.7


def test_a_real_clip_on_a_moving_probe_stays_a_real_clip() -> None:
    moved = _moved(CLIP, np.random.default_rng(1))
    assert np.array_equal(moved[0], CLIP[0][0]) and not np.array_equal(moved[9], CLIP[0][9])


def test_clips_are_thinned_as_the_service_does(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 60.0, (280, 300), isColor=False)
    for image in lung_clip(seconds=1.0, rate_hz=59.0):
        writer.write(image)
    writer.release()
    images, times_s = read_clip(path)
    assert len(images) == 30 and np.allclose(np.diff(times_s), 1 / 30)
