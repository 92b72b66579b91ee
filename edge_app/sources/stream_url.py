"""A stream from the network: RTSP, or video over HTTP."""

from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import cv2
import numpy as np

from edge_app.errors import CameraLost, SourceError
from edge_app.sources.live import Captured, CaptureFormat, LiveSource
from edge_app.sources.video_file import fourcc_text

SCHEMES: Final = ("rtsp", "rtsps", "http", "https")
WAY_OUT: Final = "Check that the address, the user and the password are right, and that the encoder is on and reachable"


class StreamUrl(LiveSource):
    """The pictures of a stream; each frame is BGR.

    A stream that breaks off is connected again, with growing pauses of up to 4 s, for ``reconnect_s``; then
    ``CameraLost`` is raised. The name and all texts bear the address without user, password and query.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str = "",
        password: str = "",
        open_s: float = 10.0,
        stall_s: float = 5.0,
        reconnect_s: float = 20.0,
    ) -> None:
        """The user and password may stand in the URL instead.

        Raises:
            SourceError: No RTSP or HTTP address.
        """
        name = without_credentials(url)
        device = FfmpegStream(_with_credentials(url, user, password), name, open_s, stall_s)
        super().__init__(
            name, device, CaptureFormat(), open_s=open_s + 2, stall_s=stall_s, reconnect_s=reconnect_s, way_out=WAY_OUT
        )  # fmt: skip


class FfmpegStream:
    """A ``CaptureDevice`` on an address, through OpenCV and FFmpeg."""

    backend: str = "FFMPEG"

    def __init__(self, url: str, name: str, open_s: float, read_s: float) -> None:
        self._url, self._name = url, name
        self._open_s, self._read_s = open_s, read_s
        self._capture: cv2.VideoCapture | None = None

    def open(self, asked: CaptureFormat) -> CaptureFormat:
        """Connect; what was asked does not matter to a stream."""
        timeouts = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(self._open_s * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(self._read_s * 1000)),
        ]
        capture = self._capture = cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, timeouts)
        if not capture.isOpened():
            raise CameraLost(f"{self._name} cannot be opened as a stream. {WAY_OUT}")
        rate_hz = capture.get(cv2.CAP_PROP_FPS)
        return CaptureFormat(
            int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            round(rate_hz, 2) if 0 < rate_hz < 1000 else 0.0,
            fourcc_text(capture.get(cv2.CAP_PROP_FOURCC)),
        )

    def read(self) -> Captured | None:
        """The next picture, BGR. Its timestamp is left out: streams without one repeat a made-up one."""
        assert self._capture is not None, "open comes first"
        try:
            read, pixels = self._capture.read()
        except cv2.error:
            return None
        return Captured(np.asarray(pixels, np.uint8)) if read and pixels is not None else None

    def close(self) -> None:
        """Let go of the connection."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def without_credentials(url: str) -> str:
    """The address with scheme, host, port and path alone; a query may hold a token.

    Raises:
        SourceError: No RTSP or HTTP address. The text does not repeat it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SourceError("the stream's address is malformed; write scheme://host:port/path") from None
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise SourceError("a stream's address has the form scheme://host/path; schemes: " + ", ".join(SCHEMES))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path, "", ""))


def _with_credentials(url: str, user: str, password: str) -> str:
    if not user:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"))
