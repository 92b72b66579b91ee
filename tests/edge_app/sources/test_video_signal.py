import errno
import fcntl
import struct

import numpy as np
import pytest

from edge_app.sources.capture_card import CaptureCard
from edge_app.sources.fake_capture_card import FakeCaptureCard
from edge_app.sources.video_signal import (
    STATUS_OFFSET,
    VIDIOC_ENUMINPUT,
    VIDIOC_G_INPUT,
    VIDIOC_QUERY_DV_TIMINGS,
    Signal,
    video_signal,
)


class Driver:
    """Answers as a driver does: with an error number for the timings, with status bits for the selected input."""

    def __init__(self, timings_error: int, status: int = 0, selected: int = 2) -> None:
        self.timings_error, self.status, self.selected = timings_error, status, selected

    def ioctl(self, descriptor: int, request: int, argument: bytearray) -> int:
        if request == VIDIOC_QUERY_DV_TIMINGS and self.timings_error:
            raise OSError(self.timings_error, "no")
        if request == VIDIOC_G_INPUT:
            struct.pack_into("=I", argument, 0, self.selected)
        if request == VIDIOC_ENUMINPUT:
            assert struct.unpack_from("=I", argument) == (self.selected,)
            struct.pack_into("=I", argument, STATUS_OFFSET, self.status)
        return 0


@pytest.mark.parametrize(
    ("driver", "signal"),
    [
        (Driver(0), "present"),
        (Driver(errno.ENOLINK), "absent"),
        (Driver(errno.ENOLCK), "unstable"),
        (Driver(errno.ERANGE), "out of range"),
        (Driver(errno.ENODATA, status=0), "unknown"),
        (Driver(errno.ENOTTY, status=0x1), "absent"),
        (Driver(errno.ENOTTY, status=0x2), "absent"),
        (Driver(errno.ENOTTY, status=0x100), "unstable"),
        (Driver(errno.ENOTTY, status=0x10000), "unstable"),
        (Driver(errno.ENOTTY, status=0x30), "unknown"),
    ],
)
def test_timings_go_before_the_inputs_status(driver: Driver, signal: Signal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", driver.ioctl)
    assert video_signal("/dev/null") == signal


@pytest.mark.parametrize("device", ["/dev/null", "/dev/video-none"])
def test_what_is_no_video_device_has_no_known_signal(device: str) -> None:
    assert video_signal(device) == "unknown"


def test_a_card_tells_its_signal_now() -> None:
    states: list[Signal] = ["present", "absent"]
    card = FakeCaptureCard([np.zeros((24, 32), np.uint8)])
    source = CaptureCard(card, "card", read_signal=lambda: states.pop(0))
    assert source.describe()["signal"] == "present"
    assert source.signal() == "absent"
    assert CaptureCard(card, "card").signal() == "unknown"
