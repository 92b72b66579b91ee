"""A video file of any container and codec that FFmpeg reads."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

import cv2
import numpy as np

from edge_app.errors import UnreadableImage
from edge_app.records import Frame
from edge_app.sources.image_file import check_size
from edge_app.sources.image_header import BadImage
from edge_app.sources.one_file import OneFile
from edge_app.sources.thinning import Thinning

logger = logging.getLogger(__name__)

WHOLE_FRACTION: Final = 0.9
"""A video whose pictures end before this part of the duration that its header names is broken off."""


class VideoFile(OneFile):
    """The pictures of a video file with their own timestamps; all of one clip.

    Rotation metadata are applied by the decoder. Pictures that ``thinning`` leaves out are decoded, because later ones
    build on them, but not converted or copied.

    ``describe`` tells ``width_px``, ``height_px``, ``rate_hz``, ``fourcc``, ``backend`` and ``frames_expected``.
    """

    kind: ClassVar[str] = "video_file"

    def __init__(self, path: Path, thinning: Thinning | None = None) -> None:
        super().__init__(path)
        self._thinning = thinning or Thinning()
        self._capture: cv2.VideoCapture | None = None

    def frames(self) -> Iterator[Frame]:
        """The pictures in order, ``time_s`` from the file's timestamps.

        Raises:
            UnreadableImage: No video, no pictures, pictures too small or too large; or, after the pictures that could
                be read, that the file breaks off.
        """
        capture = self._open()
        try:
            rate_hz = capture.get(cv2.CAP_PROP_FPS)
            rate_hz = rate_hz if 0 < rate_hz < 1000 else 25.0  # only stands in for timestamps that are missing
            duration_s = capture.get(cv2.CAP_PROP_FRAME_COUNT) / rate_hz
            chosen = self._thinning.start()
            sequence, index, time_s = 0, 0, 0.0
            while not self._closed and capture.grab():
                stamp_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                time_s = stamp_s if index == 0 or stamp_s > time_s else time_s + 1 / rate_hz
                if chosen(index, time_s):
                    read, pixels = capture.retrieve()
                    if not read:
                        raise UnreadableImage(f"{self.name} cannot be read on: picture {index + 1} is damaged")
                    yield Frame(
                        np.asarray(pixels, np.uint8), sequence, time.monotonic_ns(), datetime.now(UTC), self.name,
                        clip_id=self.name, time_s=time_s,
                    )  # fmt: skip
                    sequence += 1
                index += 1
            if self._closed:
                return
            if index == 0:
                raise UnreadableImage(f"{self.name} cannot be read: the video holds no picture that can be decoded")
            if time_s + 1 / rate_hz < WHOLE_FRACTION * duration_s:
                raise UnreadableImage(
                    f"{self.name} is truncated: it breaks off after {time_s:.1f} of {duration_s:.1f} s"
                )
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        # An absolute path can be no URL, and FFmpeg alone knows timestamps and rotation.
        capture = cv2.VideoCapture(str(self.path.absolute()), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise UnreadableImage(f"{self.name} cannot be read: it is no video, is damaged, or its codec is unknown")
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        width, height = (int(capture.get(each)) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        self._given = {
            "width_px": width,
            "height_px": height,
            "rate_hz": round(capture.get(cv2.CAP_PROP_FPS), 3),
            "fourcc": fourcc_text(capture.get(cv2.CAP_PROP_FOURCC)),
            "backend": capture.getBackendName(),
            "frames_expected": max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))),
        }
        try:
            check_size(width, height)
        except BadImage as error:
            capture.release()
            raise UnreadableImage(f"{self.name} cannot be read: {error}") from None
        return capture


def fourcc_text(code: float) -> str:
    """The four characters of a codec or pixel format, for example ``MJPG``; empty if there is none."""
    raw = int(code) & 0xFFFFFFFF
    return raw.to_bytes(4, "little").decode("latin-1").strip("\0 ") if code > 0 else ""
