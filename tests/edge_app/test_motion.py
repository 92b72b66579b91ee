import numpy as np
from fakes.pictures import frame, sector

from edge_app.motion import Motion


def test_first_frame_begins_a_view() -> None:
    assert Motion().compare(frame(sector())) == "cut"


def test_unchanged_screen_with_sensor_noise_is_the_same() -> None:
    motion = Motion()
    motion.compare(frame(sector()))
    noise = np.random.default_rng(0).integers(-1, 2, (240, 320))
    noisy = np.clip(sector().astype(int) + noise, 0, 255).astype(np.uint8)
    assert motion.compare(frame(noisy)) == "same"


def test_moving_picture_is_moving() -> None:
    motion = Motion()
    motion.compare(frame(sector()))
    moved = np.roll(sector(), 3, axis=0)
    assert motion.compare(frame(moved)) == "moving"


def test_other_picture_is_a_cut() -> None:
    motion = Motion()
    motion.compare(frame(sector()))
    other = np.tile(np.linspace(255, 0, 320).astype(np.uint8), (240, 1))
    assert motion.compare(frame(other)) == "cut"


def test_change_of_size_is_a_cut() -> None:
    motion = Motion()
    motion.compare(frame(sector()))
    assert motion.compare(frame(sector()[:100, :90])) == "cut"
