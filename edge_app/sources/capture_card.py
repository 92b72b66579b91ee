"""A V4L2 capture device: an HDMI or SDI card, a USB grabber, a camera."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from edge_app.errors import CameraLost
from edge_app.records import Frame
from edge_app.sources.base import Description
from edge_app.sources.live import Captured, CaptureDevice, CaptureFormat, LiveSource
from edge_app.sources.video_file import fourcc_text
from edge_app.sources.video_signal import Signal, video_signal

WAY_OUT: Final = (
    "Check that the cable and the card are plugged in, that no other program uses the device, and that this user is in "
    "the group 'video'"
)


class CaptureCard(LiveSource):
    """The pictures of a capture card; each frame is BGR.

    A card that stalls, is unplugged, or repeats its last picture raises ``CameraLost``. Without a signal at its input
    most cards go on giving pictures: ``signal`` says what the driver knows, ``edge_app.screen`` what the pictures show.
    """

    def __init__(
        self,
        device: CaptureDevice,
        name: str,
        asked: CaptureFormat | None = None,
        *,
        stall_s: float = 3.0,
        read_signal: Callable[[], Signal] = lambda: "unknown",
    ) -> None:
        super().__init__(name, device, asked or CaptureFormat(), stall_s=stall_s, way_out=WAY_OUT)
        self._read_signal = read_signal

    def frames(self) -> Iterator[Frame]:
        """Each time the newest picture, with what the driver says of the signal then; see ``LiveSource.frames``."""
        for frame in super().frames():
            yield replace(frame, signal=self.signal())

    def signal(self) -> Signal:
        """Whether there is a signal at the input now, as the driver says; from any thread, in well under 1 ms."""
        return self._read_signal()

    def describe(self) -> Description:
        """What ``LiveSource`` says, and the ``signal``."""
        return {**super().describe(), "signal": self.signal()}


def open_capture_card(device: str | int, asked: CaptureFormat | None = None, *, stall_s: float = 3.0) -> CaptureCard:
    """The real card at a path (``/dev/video0``, ``/dev/v4l/by-id/...``) or index."""
    path = f"/dev/video{device}" if isinstance(device, int) else device
    return CaptureCard(V4l2Device(path), path, asked, stall_s=stall_s, read_signal=lambda: video_signal(path))


class V4l2Device:
    """A V4L2 device through OpenCV.

    OpenCV changes what is asked for to what the driver likes without a word, so everything is read back; its ``read``
    blocks for up to 10 s when no picture comes (OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT), and ``isOpened`` stays true after
    an unplug.
    """

    backend: str = "V4L2"

    def __init__(self, path: str) -> None:
        self._path = path
        self._capture: cv2.VideoCapture | None = None

    def open(self, asked: CaptureFormat) -> CaptureFormat:
        """Open the device; the pixel format first, because drivers offer other sizes and rates for another one."""
        if not Path(self._path).exists():
            raise CameraLost(f"{self._path} is not there. {WAY_OUT}")
        capture = self._capture = cv2.VideoCapture(self._path, cv2.CAP_V4L2)
        if not capture.isOpened():
            raise CameraLost(f"{self._path} cannot be opened as a capture device. {WAY_OUT}")
        if asked.pixel_format:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*asked.pixel_format.ljust(4)))
        for key, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, asked.width_px),
            (cv2.CAP_PROP_FRAME_HEIGHT, asked.height_px),
            (cv2.CAP_PROP_FPS, asked.rate_hz),
        ):
            if value:
                capture.set(key, value)
        return CaptureFormat(
            int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            round(max(0.0, capture.get(cv2.CAP_PROP_FPS)), 2),
            fourcc_text(capture.get(cv2.CAP_PROP_FOURCC)),
        )

    def read(self) -> Captured | None:
        """The next picture, BGR, with the driver's timestamp."""
        assert self._capture is not None, "open comes first"
        try:
            read, pixels = self._capture.read()
        except cv2.error:  # a picture that arrived garbled
            return None
        if not read or pixels is None:
            return None
        return Captured(np.asarray(pixels, np.uint8), max(0.0, self._capture.get(cv2.CAP_PROP_POS_MSEC)))

    def close(self) -> None:
        """Release the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
