"""Turns decoded DICOM pixels into the gray or BGR picture that a viewer would show.

Source: DICOM PS3.3, sections C.7.6.3 (image pixel), C.11.1 (modality LUT), C.11.2 (VOI LUT), C.7.5.1.1.2 (padding).
"""

import logging
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing

from edge_app.sources.dicom_geometry import functional_group, number, numbers
from edge_app.sources.gray_levels import percentile_window, scale_to_8_bit
from edge_app.sources.image_header import BadImage

logger = logging.getLogger(__name__)

BEYOND_ANY_WINDOW: Final = np.array([-1e30, 1e30])
"""Windowed, these give the ends of the range that windowing gives."""
TABLE_GROUPS: Final = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
"""Functional groups whose elements stand in the data set itself if the image is not an enhanced one."""


class Levels:
    """The way from one file's stored values to 8 bits, the same for each of its frames so that a clip doesn't flicker.

    Gray: modality LUT or rescale, then the first VOI LUT or window; without either, the full range of the stored bits
    if these are 8 or fewer, and else the 0.1 and 99.9 percentiles of the first frame. MONOCHROME1 and the presentation
    LUT shape INVERSE are inverted, padding is black. Colour: palettes are applied, YBR becomes BGR, more than 8 bits
    are cut to the upper 8.
    """

    def __init__(self, header: Dataset) -> None:
        for group in TABLE_GROUPS:
            for element in functional_group(header, group) or ():
                header[element.tag] = element
        self._header = header
        self._bits = int(number(header, "BitsStored") or number(header, "BitsAllocated") or 8)
        self._signed = number(header, "PixelRepresentation") == 1
        self._inverted = (
            header.get("PhotometricInterpretation") == "MONOCHROME1" or header.get("PresentationLUTShape") == "INVERSE"
        )
        self._table: NDArray[np.uint8] | None = None
        self._window: tuple[float, float] | None = None

    def to_frame(self, stored: NDArray[Any], photometric: str) -> NDArray[np.uint8]:
        """One decoded frame as (height, width) gray or (height, width, 3) BGR.

        Args:
            stored: (rows, columns) or (rows, columns, 3), of any depth, as decoded.
            photometric: The photometric interpretation of what was decoded.

        Raises:
            BadImage: An interpretation that is not known.
        """
        stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
        if photometric.startswith("MONOCHROME"):
            return self._gray(stored)
        if photometric == "PALETTE COLOR":
            return self._palette(stored)
        if stored.ndim == 3 and stored.dtype != np.uint8:
            stored = (stored >> max(0, self._bits - 8)).clip(0, 255).astype(np.uint8)
        if stored.ndim == 3 and photometric in ("YBR_FULL", "YBR_FULL_422"):
            y_cr_cb = np.empty_like(stored)
            cv2.mixChannels([stored], [y_cr_cb], [0, 0, 1, 2, 2, 1])
            return np.asarray(cv2.cvtColor(y_cr_cb, cv2.COLOR_YCrCb2BGR), np.uint8)
        if stored.ndim == 3 and photometric in ("RGB", "YBR_RCT", "YBR_ICT"):  # JPEG 2000 decoders undo their own
            return np.asarray(cv2.cvtColor(stored, cv2.COLOR_RGB2BGR), np.uint8)
        raise BadImage(f"its photometric interpretation {photometric!r} is not known, or does not fit its samples")

    def _gray(self, stored: NDArray[Any]) -> NDArray[np.uint8]:
        size = stored.dtype.itemsize
        if size > 2 or not np.issubdtype(stored.dtype, np.integer):
            return self._shown(stored, stored)
        if self._table is None:
            every_value = np.arange(1 << 8 * size).astype(f"u{size}").view(stored.dtype)
            self._table = self._shown(every_value, stored)
        return np.take(self._table, stored.view(f"u{size}"))

    def _shown(self, values: NDArray[Any], first: NDArray[Any]) -> NDArray[np.uint8]:
        """8 bits for stored ``values``; ``first`` is the frame whose percentiles count if the file has no window."""
        measured = apply_modality_lut(values, self._header)
        shown = self._windowed(measured)
        if shown is None:
            self._window = self._window or self._default_window(first)
            shown = scale_to_8_bit(measured, *self._window)
        if self._inverted:
            shown = 255 - shown
        shown[self._is_padding(values)] = 0
        return shown

    def _windowed(self, measured: NDArray[Any]) -> NDArray[np.uint8] | None:
        """8 bits by the file's VOI LUT or window; None if it has none that can be used."""
        header = self._header
        try:
            if header.get("VOILUTSequence"):
                looked_up = apply_voi(np.rint(measured).astype(np.int64), header)
                bits = numbers(header.VOILUTSequence[0], "LUTDescriptor")[2]
                return scale_to_8_bit(looked_up, 0, 2.0**bits - 1)
            if numbers(header, "WindowCenter") and numbers(header, "WindowWidth"):
                with np.errstate(over="ignore"):
                    low, high = (float(end) for end in apply_windowing(BEYOND_ANY_WINDOW, header))
                    windowed = apply_windowing(measured, header)
                # A negative rescale slope turns the range that windowing gives, but black stays black.
                sign = 1 if low < high else -1
                return scale_to_8_bit(sign * windowed, sign * low, sign * high)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            logger.info("window or VOI LUT cannot be used (%s); percentiles are", type(error).__name__)
        return None

    def _default_window(self, first: NDArray[Any]) -> tuple[float, float]:
        """In measured units: the full range of up to 8 bits, else percentiles of what is not padding."""
        if self._bits <= 8:
            smallest = -(1 << self._bits - 1) if self._signed else 0
            ends = np.array([smallest, smallest + (1 << self._bits) - 1], np.int64)
        else:
            ends = np.array(percentile_window(first[~self._is_padding(first)]))
            if not np.issubdtype(first.dtype, np.floating):
                ends = np.rint(ends).astype(np.int64)
        low, high = sorted(float(end) for end in apply_modality_lut(ends, self._header))
        return low, high

    def _is_padding(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        value = number(self._header, "PixelPaddingValue")
        if value is None:
            return np.zeros(values.shape, np.bool_)
        limit = number(self._header, "PixelPaddingRangeLimit")
        low, high = sorted((value, value if limit is None else limit))
        return np.asarray((values >= low) & (values <= high), np.bool_)

    def _palette(self, stored: NDArray[Any]) -> NDArray[np.uint8]:
        size = stored.dtype.itemsize
        if self._table is None:
            rgb = apply_color_lut(np.arange(1 << 8 * size).astype(f"u{size}"), self._header)
            if rgb.dtype != np.uint8 and rgb.max() > 255:  # some write 8-bit colours into 16-bit entries
                rgb = rgb >> 8
            self._table = np.ascontiguousarray(rgb[:, ::-1], np.uint8)
        return np.take(self._table, stored.view(f"u{size}"), axis=0)
