import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.errors import CameraLost
from edge_app.sources import capture_card
from edge_app.sources.capture_card import CaptureCard, V4l2Device, open_capture_card
from edge_app.sources.fake_capture_card import FakeCaptureCard
from edge_app.sources.live import Captured, CaptureFormat, LiveSource

RATE_HZ = 200.0
PICTURES = [np.full((24, 32), index, np.uint8) for index in range(256)]


@pytest.fixture
def card() -> Iterator[FakeCaptureCard]:
    device = FakeCaptureCard(PICTURES, RATE_HZ)
    yield device
    device.unplug()  # ends a stalled read, and with it the reading thread


def _first_pixel(pixels: NDArray[np.uint8]) -> int:
    return int(pixels.reshape(-1)[0])


def test_frames_are_numbered_timed_and_of_one_clip(card: FakeCaptureCard) -> None:
    with CaptureCard(card, "/dev/video9") as source:
        frames = list(islice(source.frames(), 10))
    assert all(frame.pixels.shape == (24, 32, 3) for frame in frames)
    assert frames[0].source == "/dev/video9" and len({frame.clip_id for frame in frames}) == 1
    assert all(frame.sequence % 256 == _first_pixel(frame.pixels) for frame in frames)
    assert all(later.captured_ns > earlier.captured_ns for earlier, later in pairwise(frames))
    assert frames[-1].time_s == pytest.approx((frames[-1].captured_ns - frames[0].captured_ns) / 1e9, abs=0.1)


def test_a_slow_reader_gets_the_newest_and_the_rest_are_counted_gaps(card: FakeCaptureCard) -> None:
    with CaptureCard(card, "card") as source:
        frames = source.frames()
        first = next(frames)
        time.sleep(20 / RATE_HZ)
        second = next(frames)
        assert time.monotonic_ns() - second.captured_ns < 1e9
    description = source.describe()
    taken = sum(entry[0] == "read" for entry in card.history)
    assert second.sequence - first.sequence > 10 and _first_pixel(second.pixels) == second.sequence % 256
    assert description["frames_given"] == 2
    assert taken - 2 - int(description["frames_dropped"]) in (0, 1), "one may wait when the source is closed"


def test_a_picture_that_waited_too_long_for_a_busy_reader_is_not_given(card: FakeCaptureCard) -> None:
    with CaptureCard(card, "card", stall_s=5.0) as source:
        frames = source.frames()
        next(frames)
        time.sleep(10 / RATE_HZ)
        card.stall()
        time.sleep(1.2)
        threading.Timer(0.1, card.plug_in).start()
        assert time.monotonic_ns() - next(frames).captured_ns < 0.5e9
    assert source.describe()["frames_stale"] == 1


def test_what_the_card_changes_is_warned_of_and_described(
    card: FakeCaptureCard, caplog: pytest.LogCaptureFixture
) -> None:
    with CaptureCard(card, "card", CaptureFormat(1920, 1080, 60, "MJPG")) as source:
        description = source.describe()
    assert card.history[0] == ("open", CaptureFormat(1920, 1080, 60, "MJPG"))
    assert (description["asked_width_px"], description["given_width_px"]) == (1920, 32)
    assert (description["given_rate_hz"], description["given_pixel_format"]) == (RATE_HZ, "YUYV")
    for text in ("width_px 32 instead of 1920", "rate_hz 200.0 instead of 60", "pixel_format YUYV instead of MJPG"):
        assert text in caplog.text


def test_what_was_left_to_the_card_is_no_change(card: FakeCaptureCard, caplog: pytest.LogCaptureFixture) -> None:
    with CaptureCard(card, "card", CaptureFormat(width_px=32, height_px=24)):
        pass
    assert not caplog.records


@pytest.mark.parametrize("fault", [FakeCaptureCard.stall, FakeCaptureCard.repeat])
def test_a_card_that_gives_nothing_new_is_lost_after_the_stall_time(
    fault: Callable[[FakeCaptureCard], None], card: FakeCaptureCard
) -> None:
    with CaptureCard(card, "/dev/video9", stall_s=0.2) as source:
        frames = source.frames()
        next(frames)
        fault(card)
        start_s = time.monotonic()
        with pytest.raises(CameraLost, match=r"/dev/video9 has given no new picture for 0\.2 s\. Check"):
            list(frames)
        assert 0.15 < time.monotonic() - start_s < 2
        card.unplug()
    if fault is FakeCaptureCard.repeat:
        assert source.describe()["pictures_repeated"]


def test_an_unplugged_card_is_lost_at_once_and_says_what_to_do(card: FakeCaptureCard) -> None:
    with CaptureCard(card, "/dev/video9", stall_s=30) as source:
        frames = source.frames()
        next(frames)
        card.unplug()
        with pytest.raises(CameraLost, match=r"/dev/video9 gives no pictures any more\. Check that the cable"):
            list(frames)


def test_a_lost_card_can_be_entered_again_and_goes_on_counting(card: FakeCaptureCard) -> None:
    source = CaptureCard(card, "card")
    with source, pytest.raises(CameraLost):
        for frame in source.frames():
            last = frame
            card.unplug()
    with pytest.raises(CameraLost, match="unplugged"), source:
        pass
    card.plug_in()
    with source:
        again = next(source.frames())
    assert again.sequence > last.sequence and again.clip_id != last.clip_id and again.time_s < 0.1


def test_a_black_picture_is_a_picture(card: FakeCaptureCard) -> None:
    card.go_black()
    with CaptureCard(card, "card") as source:
        frames = list(islice(source.frames(), 5))
    assert not any(frame.pixels.any() for frame in frames)


class GarblingCard(FakeCaptureCard):
    """Every second picture arrives garbled."""

    def read(self) -> Captured | None:
        captured = super().read()
        return captured if self._index % 2 else None


def test_a_garbled_picture_is_no_loss() -> None:
    with CaptureCard(GarblingCard(PICTURES, RATE_HZ), "card") as source:
        assert len(list(islice(source.frames(), 10))) == 10


def test_a_card_that_hangs_in_open_is_lost_and_released_when_it_returns(card: FakeCaptureCard) -> None:
    class Hanging(FakeCaptureCard):
        def open(self, asked: CaptureFormat) -> CaptureFormat:
            time.sleep(0.4)
            return super().open(asked)

    device = Hanging(PICTURES, RATE_HZ)
    source = CaptureCard(device, "card")
    source._open_s = 0.1
    with pytest.raises(CameraLost, match=r"did not open within 0\.1 s"), source:
        pass
    assert device.history[-1] == ("close",)


def test_a_driver_call_that_hangs_does_not_hang_the_caller(
    card: FakeCaptureCard, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_app.sources.live.CLOSE_WAIT_S", 0.1)
    source = CaptureCard(card, "card", stall_s=0.1)
    with source, pytest.raises(CameraLost):
        next(source.frames())
        card.stall()
        list(source.frames())
    assert "hangs" in caplog.text
    with pytest.raises(CameraLost, match="driver has not returned"), source:
        pass
    card.plug_in()
    time.sleep(0.1)
    with source:
        next(source.frames())


def test_attempts_to_connect_again_come_at_growing_but_bounded_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_app.sources.live.RECONNECT_FIRST_S", 0.01)
    monkeypatch.setattr("edge_app.sources.live.RECONNECT_LONGEST_S", 0.08)
    opened_s: list[float] = []

    class Watched(FakeCaptureCard):
        def open(self, asked: CaptureFormat) -> CaptureFormat:
            opened_s.append(time.monotonic())
            return super().open(asked)

    device = Watched(PICTURES, RATE_HZ)
    with LiveSource("card", device, CaptureFormat(), stall_s=0.5, reconnect_s=0.8) as source:
        next(source.frames())
        device.unplug()
        with pytest.raises(CameraLost):
            list(source.frames())
    pauses_s = [later - earlier for earlier, later in pairwise(opened_s[1:])]
    assert pauses_s[0] < pauses_s[2] and len(pauses_s) >= 5
    assert all(0.015 < pause_s < 0.3 for pause_s in pauses_s)


def test_a_bug_in_a_device_does_not_look_like_a_stall(card: FakeCaptureCard) -> None:
    class Broken(FakeCaptureCard):
        def read(self) -> Captured | None:
            raise ZeroDivisionError("a bug")

    broken = CaptureCard(Broken(PICTURES), "card", stall_s=30)
    with pytest.raises(ZeroDivisionError, match="a bug"), broken:
        next(broken.frames())


def test_a_device_that_is_not_there_says_so_with_a_way_out() -> None:
    with pytest.raises(CameraLost, match=r"/dev/video-none is not there\. Check"), open_capture_card("/dev/video-none"):
        pass
    assert open_capture_card(7).name == "/dev/video7"


class FakeVideoCapture:
    """Stands in for cv2.VideoCapture on a V4L2 device that knows 640 x 480 at 25 Hz alone."""

    def __init__(self, path: str, backend: int) -> None:
        assert backend == cv2.CAP_V4L2
        self.asked: list[tuple[int, float]] = []
        made.append(self)

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, key: int, value: float) -> bool:
        self.asked.append((key, value))
        return True

    def get(self, key: int) -> float:
        return {
            cv2.CAP_PROP_FRAME_WIDTH: 640.0,
            cv2.CAP_PROP_FRAME_HEIGHT: 480.0,
            cv2.CAP_PROP_FPS: 25.0,
            cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"YUYV")),
            cv2.CAP_PROP_POS_MSEC: 1234.5,
        }[key]

    height_px = 480

    def grab(self) -> bool:
        return True

    def retrieve(self, place: NDArray[np.uint8]) -> tuple[bool, NDArray[np.uint8]]:
        """As OpenCV: into the array if it has the picture's size, else into one of its own."""
        if place.shape != (self.height_px, 640, 3):
            place = np.empty((self.height_px, 640, 3), np.uint8)
        place[:] = 7
        return True, place

    def release(self) -> None:
        self.asked.append((-1, 0))


made: list[FakeVideoCapture] = []


def test_v4l2_asks_for_the_pixel_format_first_and_reads_everything_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeVideoCapture)
    device = V4l2Device("/dev/null")
    given = device.open(CaptureFormat(1920, 1080, 60, "MJPG"))
    assert given == CaptureFormat(640, 480, 25.0, "YUYV")
    assert [key for key, _ in made[-1].asked] == [
        cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS,
    ]  # fmt: skip
    captured = device.read()
    assert captured is not None and captured.device_ms == 1234.5
    device.close()
    device.close()
    assert made[-1].asked.count((-1, 0)) == 1


def test_v4l2_decodes_where_the_picture_is_to_lie_and_copies_only_a_picture_of_another_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeVideoCapture)
    device = V4l2Device("/dev/null")
    device.open(CaptureFormat())
    places: list[NDArray[np.uint8]] = []

    def place(shape: tuple[int, ...]) -> NDArray[np.uint8]:
        places.append(np.zeros(shape, np.uint8))
        return places[-1]

    captured = device.read_into(place)
    assert captured is not None and captured.pixels is places[0] and np.all(places[0] == 7)
    monkeypatch.setattr(FakeVideoCapture, "height_px", 360)
    captured = device.read_into(place)
    assert captured is not None and captured.pixels is places[2] and captured.pixels.shape == (360, 640, 3)
    assert np.all(captured.pixels == 7)
    device.close()


def test_v4l2_whose_node_is_gone_gives_nothing_though_opencv_says_that_all_is_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeVideoCapture)
    monkeypatch.setattr(capture_card, "NODE_LOOK_S", 0.0)
    node = tmp_path / "video0"
    node.touch()
    device = V4l2Device(str(node))
    device.open(CaptureFormat())
    assert device.read() is not None
    node.unlink()
    assert device.read() is None
    device.close()


def test_a_card_whose_port_is_empty_is_lost_even_if_another_device_has_its_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeVideoCapture)
    with pytest.raises(CameraLost, match="not there"):
        V4l2Device("/dev/null", gone=True).open(CaptureFormat())


def test_the_fake_gives_one_size_only() -> None:
    with pytest.raises(ValueError, match="one size"):
        FakeCaptureCard([PICTURES[0], np.zeros((10, 10), np.uint8)])


def test_the_fake_keeps_its_rate_and_does_not_play_the_past() -> None:
    device = FakeCaptureCard(PICTURES, 100)
    device.open(CaptureFormat())
    start_s = time.monotonic()
    for _ in range(20):
        device.read()
    assert 0.18 < time.monotonic() - start_s < 0.5
    time.sleep(1.3)
    start_s = time.monotonic()
    for _ in range(20):
        device.read()
    assert time.monotonic() - start_s > 0.15
    device.close()
    assert device.read() is None
