"""An image file: JPEG, PNG, BMP, TIFF, WebP, JPEG 2000, PGM or PPM."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_app.errors import UnreadableImage
from edge_app.records import Frame
from edge_app.sources.gray_levels import percentile_window, scale_to_8_bit
from edge_app.sources.image_header import BadImage, ImageHeader, read_header
from edge_app.sources.one_file import OneFile

SMALLEST_SIDE_PX: Final = 16
LARGEST_PICTURE_MEGAPIXELS: Final = 100
"""A 100-megapixel colour picture takes 300 MB; the largest radiographs have about 20 megapixels."""
LARGEST_FILE_BYTES: Final = 1 << 30


class ImageFile(OneFile):
    """The picture of one image file, or each page of a TIFF.

    Gray stays gray, (height, width); colour is BGR. EXIF orientation is applied. Transparent pixels lie on black. More
    than 8 bits are scaled so that the 0.1 and 99.9 percentiles of the picture become black and white, because a 12-bit
    radiograph in a 16-bit file would be all but black by its full range.

    ``describe`` tells ``format``, ``width_px``, ``height_px`` and ``pages``.
    """

    kind: ClassVar[str] = "image_file"

    def frames(self) -> Iterator[Frame]:
        """The picture, or one per page.

        Raises:
            UnreadableImage: Missing, empty, truncated, damaged, too small, too large, or no image.
        """
        data = read_file(self.path)
        try:
            header = read_header(data)
            check_size(header.width, header.height)
            self._given = {
                "format": header.format, "width_px": header.width, "height_px": header.height, "pages": header.pages,
            }  # fmt: skip
            for page in range(header.pages):
                if self._closed:
                    return
                pixels = self._decode(data, header, page)
                check_size(pixels.shape[1], pixels.shape[0])
                yield Frame(pixels, page, time.monotonic_ns(), datetime.now(UTC), self.name)
        except BadImage as error:
            raise UnreadableImage(f"{self.name} cannot be read: {error}") from None

    def _decode(self, data: bytes, header: ImageHeader, page: int) -> NDArray[np.uint8]:
        # UNCHANGED alone keeps the alpha channel; it leaves the orientation to the caller.
        try:
            if page == 0:
                decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            else:
                pages = cv2.imreadmulti(str(self.path), page, 1, flags=cv2.IMREAD_UNCHANGED)[1]
                decoded = pages[0] if pages else None
        except cv2.error as error:
            raise BadImage(f"its {header.format} data are damaged ({error.err})") from error
        if decoded is None:
            raise BadImage(f"its {header.format} data are damaged, or of a kind that this OpenCV does not decode")
        return _upright(_without_alpha(_in_8_bit(decoded)), header.orientation)


def read_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        UnreadableImage: Missing, empty, not readable, not a regular file, or over 1 GiB.
    """
    try:
        if not path.is_file():
            raise UnreadableImage(f"{path} cannot be read: it is {'no file' if path.exists() else 'not there'}")
        size = path.stat().st_size
        if not 0 < size <= LARGEST_FILE_BYTES:
            raise UnreadableImage(f"{path} cannot be read: it is {'over 1 GiB' if size else 'empty'}")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"{path} cannot be read: {error.strerror}") from error


def check_size(width: int, height: int) -> None:
    """Refuse what is too small to show anything, or would fill the memory.

    Raises:
        BadImage: A side under 16 pixels, or more than 100 megapixels.
    """
    if min(width, height) < SMALLEST_SIDE_PX:
        raise BadImage(f"it is too small: {width} x {height} pixels, the smallest side may be {SMALLEST_SIDE_PX}")
    if width * height > LARGEST_PICTURE_MEGAPIXELS * 1_000_000:
        limit = f"the most is {LARGEST_PICTURE_MEGAPIXELS} megapixels"
        raise BadImage(f"it is too large: {width} x {height} pixels, {limit}")


def _in_8_bit(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """8 bits from any depth; an alpha channel is scaled by its full range, not by its percentiles."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        full = np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 1.0
        alpha = scale_to_8_bit(pixels[..., -1:], 0.0, float(full))
        return np.concatenate((_in_8_bit(pixels[..., :-1]), alpha), axis=2)
    return scale_to_8_bit(pixels, *percentile_window(pixels))


def _without_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gray or BGR, transparent pixels blended with black."""
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        colours = np.ascontiguousarray(pixels[..., :-1])
        alpha = pixels[..., -1:]
        if alpha.min() < 255:
            opacity = np.repeat(alpha, colours.shape[2], axis=2)
            colours = np.asarray(cv2.multiply(colours, opacity, scale=1 / 255), np.uint8).reshape(colours.shape)
        pixels = colours
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        return pixels[..., 0]
    if pixels.ndim != 2 and pixels.shape[2] != 3:
        raise BadImage(f"it has {pixels.shape[2]} channels")
    return pixels


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turned and mirrored as the EXIF orientation says (CIPA DC-008, table 6)."""
    if orientation >= 5:
        pixels = cv2.transpose(pixels)  # type: ignore[assignment]
    if orientation in (2, 6):
        return cv2.flip(pixels, 1)  # type: ignore[return-value]
    if orientation in (3, 7):
        return cv2.flip(pixels, -1)  # type: ignore[return-value]
    if orientation in (4, 8):
        return cv2.flip(pixels, 0)  # type: ignore[return-value]
    return pixels
