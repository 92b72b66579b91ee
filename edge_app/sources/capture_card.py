"""A V4L2 capture device: an HDMI or SDI card, a USB grabber, a camera."""

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_app.errors import CameraLost
from edge_app.records import Frame
from edge_app.sources.base import Description
from edge_app.sources.capture_process import CaptureProcess
from edge_app.sources.live import Captured, CaptureDevice, CaptureFormat, LiveSource
from edge_app.sources.video_file import fourcc_text
from edge_app.sources.video_port import VideoPort, node_at, port_of
from edge_app.sources.video_signal import Signal, video_signal

NODE_LOOK_S: Final = 0.5
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
    """The real card at a path (``/dev/video0``, ``/dev/v4l/by-id/...``) or index, in a process of its own.

    A card that comes back under another number is found by the port that it was plugged into.
    """
    node = _Node(f"/dev/video{device}" if isinstance(device, int) else device)
    capture = CaptureProcess(node.make_device, V4l2Device.backend, way_out=WAY_OUT)
    return CaptureCard(capture, node.given, asked, stall_s=stall_s, read_signal=lambda: video_signal(node.path()))


class _Node:
    """A video node by the port that it was at first."""

    def __init__(self, given: str) -> None:
        self.given = given
        self._port: VideoPort | None = None

    def path(self) -> str:
        """The node's path now; as given, if its port is not known or nothing is plugged in there."""
        self._port = self._port or port_of(self.given)
        return (node_at(self._port) if self._port else None) or self.given

    def make_device(self) -> Callable[[], "V4l2Device"]:
        """What makes the device that is at the port now, in the process that owns it."""
        path = self.path()
        gone = self._port is not None and node_at(self._port) is None
        return functools.partial(V4l2Device, path, gone)


class V4l2Device:
    """A V4L2 device through OpenCV.

    OpenCV changes what is asked for to what the driver likes without a word, so everything is read back; its ``read``
    blocks for up to 10 s when no picture comes (OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT), and ``isOpened`` stays true after
    an unplug, and ``read`` may, so the node is looked after too.

    Args:
        path: Of the video node.
        gone: Nothing is plugged in where the device was: whatever is at the path now is another one.
    """

    backend: str = "V4L2"

    def __init__(self, path: str, gone: bool = False) -> None:
        self._path = path
        self._gone = gone
        self._capture: cv2.VideoCapture | None = None
        self._node = 0
        self._looked_s = 0.0
        self._shape = (0, 0, 3)

    def open(self, asked: CaptureFormat) -> CaptureFormat:
        """Open the device; the pixel format first, because drivers offer other sizes and rates for another one."""
        if self._gone or not Path(self._path).exists():
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
        self._node = _node_number(self._path)
        self._shape = (int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), 3)
        return CaptureFormat(
            self._shape[1],
            self._shape[0],
            round(max(0.0, capture.get(cv2.CAP_PROP_FPS)), 2),
            fourcc_text(capture.get(cv2.CAP_PROP_FOURCC)),
        )

    def read(self) -> Captured | None:
        """The next picture, BGR, with the driver's timestamp."""
        return self.read_into(lambda shape: np.empty(shape, np.uint8))

    def read_into(self, place: Callable[[tuple[int, ...]], NDArray[np.uint8]]) -> Captured | None:
        """The next picture, BGR, decoded where it is to lie, with the driver's timestamp."""
        assert self._capture is not None, "open comes first"
        try:
            if not self._capture.grab() or not self._is_there():
                return None
            wanted = place(self._shape)
            retrieved, pixels = self._capture.retrieve(wanted)
        except cv2.error:  # a picture that arrived garbled
            return None
        if not retrieved or pixels is None:
            return None
        if pixels.shape != self._shape:  # the driver changed its size without a word
            self._shape = pixels.shape
            wanted = place(self._shape)
        if not np.may_share_memory(pixels, wanted):
            wanted[:] = pixels
        return Captured(wanted, max(0.0, self._capture.get(cv2.CAP_PROP_POS_MSEC)))

    def _is_there(self) -> bool:
        """Whether the node that was opened is still the one at its path; looked up twice a second."""
        now_s = time.monotonic()
        if now_s - self._looked_s < NODE_LOOK_S:
            return True
        self._looked_s = now_s
        return _node_number(self._path) == self._node

    def close(self) -> None:
        """Release the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def _node_number(path: str) -> int:
    """Tells two nodes of one path apart; 0 if there is none."""
    try:
        return Path(path).stat().st_ino
    except OSError:
        return 0
