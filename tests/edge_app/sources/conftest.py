from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from edge_app.errors import UnreadableImage
from edge_app.records import Frame
from edge_app.sources.base import Source

Image = NDArray[np.uint8]


@pytest.fixture
def colours() -> Image:
    """BGR, 60 x 80: blue, green, red and white quarters, so that a swap or a turn shows."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:30, :40], image[:30, 40:], image[30:, :40] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    image[30:, 40:] = 255
    return image


@pytest.fixture
def grays() -> Image:
    """Gray, 60 x 80: a smooth ramp."""
    return np.add.outer(np.arange(60), np.arange(80)).astype(np.uint8)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Writes an image as a file of the given name."""

    def write(name: str, image: NDArray[np.generic], *parameters: int) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), image, parameters)
        return path

    return write


@pytest.fixture
def save_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a video whose picture n is gray 8 n."""

    def write(name: str, count: int = 30, rate_hz: float = 25.0, size: tuple[int, int] = (64, 48)) -> Path:
        path = tmp_path / name
        codec = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, rate_hz, size)
        assert writer.isOpened()
        for index in range(count):
            writer.write(np.full((size[1], size[0], 3), index * 8 % 256, np.uint8))
        writer.release()
        return path

    return write


@pytest.fixture
def dicom() -> Callable[[str], Path]:
    """A real DICOM file from the wheels, never from the network."""

    def find(name: str) -> Path:
        found = get_testdata_file(name, download=False)
        assert isinstance(found, str), f"{name} is not among the installed DICOM files"
        return Path(found)

    return find


@pytest.fixture
def read() -> Callable[[Source], list[Frame]]:
    """All frames of a source."""

    def frames(source: Source) -> list[Frame]:
        with source:
            return list(source.frames())

    return frames


@pytest.fixture
def refusal(read: Callable[[Source], list[Frame]]) -> Callable[[Source], str]:
    """Why a source of one file refuses it."""

    def text(source: Source) -> str:
        with pytest.raises(UnreadableImage) as caught:
            read(source)
        return str(caught.value)

    return text
