import os
import signal
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from edge_app.errors import CameraLost
from edge_app.sources.capture_card import CaptureCard
from edge_app.sources.capture_process import CaptureProcess
from edge_app.sources.distant_card import DistantCard
from edge_app.sources.live import NOT_YET, Captured, CaptureFormat

RATE_HZ = 100.0
PICTURES = [np.full((24, 32, 3), index, np.uint8) for index in range(50)]


@pytest.fixture
def card(tmp_path: Path) -> DistantCard:
    return DistantCard(tmp_path, PICTURES, RATE_HZ)


@pytest.fixture
def process(card: DistantCard) -> Iterator[CaptureProcess]:
    process = CaptureProcess(card.choose_device, "fake", silent_s=0.6)
    yield process
    process.close()


def is_running(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(process_id: int) -> None:
    deadline_s = time.monotonic() + 3
    while is_running(process_id):
        assert time.monotonic() < deadline_s, f"process {process_id} runs on"
        time.sleep(0.01)


def next_picture(process: CaptureProcess) -> Captured:
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        captured = process.read()
        if captured is not None and captured is not NOT_YET:
            return captured
    raise AssertionError("no picture came")


def test_pictures_come_with_the_drivers_time_and_those_passed_over_are_counted(process: CaptureProcess) -> None:
    assert process.open(CaptureFormat()) == CaptureFormat(32, 24, RATE_HZ, "YUYV")
    first = next_picture(process)
    time.sleep(0.2)
    second = next_picture(process)
    assert 0.1 < (second.device_ms - first.device_ms) / 1000 < 1
    assert second.passed_over >= 5
    assert time.monotonic() - second.captured_ns / 1e9 < 0.2


def test_a_driver_call_that_hangs_is_ended_with_its_process_and_the_next_opening_works(
    card: DistantCard, process: CaptureProcess
) -> None:
    process.open(CaptureFormat())
    next_picture(process)
    hanging = process.process_id
    card.tell("stall")
    with pytest.raises(CameraLost, match="hangs"):
        for _ in range(100):
            process.read()
    wait_until_gone(hanging)
    card.tell("plug_in")
    process.open(CaptureFormat())
    next_picture(process)


@pytest.mark.parametrize("how", ["killed", "exit"])
def test_a_process_that_ends_is_told_at_once(card: DistantCard, process: CaptureProcess, how: str) -> None:
    process.open(CaptureFormat())
    next_picture(process)
    if how == "killed":
        os.kill(process.process_id, signal.SIGKILL)
    else:
        card.tell("exit")
    started_s = time.monotonic()
    with pytest.raises(CameraLost, match="ended"):
        while True:
            process.read()
    assert time.monotonic() - started_s < 0.5


def test_an_unplugged_card_is_none_and_cannot_be_opened(card: DistantCard, process: CaptureProcess) -> None:
    process.open(CaptureFormat())
    next_picture(process)
    card.tell("unplug")
    deadline_s = time.monotonic() + 3
    while process.read() is not None:
        assert time.monotonic() < deadline_s
    with pytest.raises(CameraLost, match="unplugged"):
        process.open(CaptureFormat())
    assert process.process_id == 0


def test_a_device_that_does_not_open_in_time_is_given_up(card: DistantCard) -> None:
    process = CaptureProcess(lambda: _hang, "fake", open_s=1.5)
    with pytest.raises(CameraLost, match="did not open within"):
        process.open(CaptureFormat())
    assert process.process_id == 0


def _hang() -> None:
    time.sleep(60)


def test_closing_ends_the_process_and_leaves_nothing_open(card: DistantCard, process: CaptureProcess) -> None:
    process.open(CaptureFormat())
    next_picture(process)
    process.close()  # the fork server runs now
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        process.open(CaptureFormat())
        next_picture(process)
        process_id = process.process_id
        process.close()
        wait_until_gone(process_id)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_source_comes_back_after_its_process_was_killed_and_goes_on_counting(card: DistantCard) -> None:
    process = CaptureProcess(card.choose_device, "fake")
    source = CaptureCard(process, "fake")
    last, killed = -1, 0
    for _ in range(10):
        with source:
            frames = source.frames()
            for frame in islice(frames, 5):
                assert frame.sequence > last
                last = frame.sequence
            os.kill(process.process_id, signal.SIGKILL)
            killed += 1
            with pytest.raises(CameraLost):
                for frame in frames:
                    last = frame.sequence
    assert killed == 10 and source.describe()["frames_given"] >= 50


def test_a_frame_bears_the_drivers_time_and_one_from_before_is_no_new_picture(card: DistantCard) -> None:
    source = CaptureCard(CaptureProcess(card.choose_device, "fake"), "fake", stall_s=0.5)
    with source:
        frames = source.frames()
        first = next(frames)
        assert 0 <= time.monotonic_ns() - first.captured_ns < 1e9
        card.tell("go_back")
        with pytest.raises(CameraLost, match="no new picture"):
            for frame in frames:
                assert frame.captured_ns >= first.captured_ns
    assert int(source.describe()["pictures_repeated"]) > 0
