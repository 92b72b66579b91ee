"""Where the picture is in a DICOM image, how large its pixels are, and when each of its frames was taken.

Source: DICOM PS3.3, sections C.7.6.3.1.7 and 10.7.1 (spacing), C.8.5.5 (ultrasound regions), C.7.6.5 (cine).
"""

import itertools
import logging
import math
from typing import Final

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from edge_app.records import Box
from edge_app.sources.image_file import SMALLEST_SIDE_PX

logger = logging.getLogger(__name__)

TWO_DIMENSIONAL: Final = 1
"""Region Spatial Format (0018,6012): 2D, that is neither M-mode nor spectral nor wave form."""
TISSUE_OR_COLOUR_FLOW: Final = (1, 2)
"""Region Data Type (0018,6014)."""
CENTIMETRE: Final = 3
"""Physical Units X/Y Direction (0018,6024 and 6026)."""
SAME_SPACING: Final = 0.01
"""Spacings across and down that differ by more than this part are not one ``mm_per_pixel``."""
WITHIN_IMAGE: Final = 0.98
"""This part of an ultrasound region's width and height lies in the image, or the region is not this image's."""
SPACING_KEYWORDS: Final = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")


def picture_area(header: Dataset) -> Box | None:
    """The ultrasound region, cut to the image; None without one (the whole frame is the picture, or nobody says)."""
    found = _picture_region(header)
    return None if found is None else found[1]


def _picture_region(header: Dataset) -> tuple[Dataset, Box] | None:
    """The largest region with a two-dimensional tissue or colour flow picture, and where it is in the image.

    A region that reaches well beyond the image was written for another size: someone scaled or cropped the image and
    left the header. Neither its place nor its spacing is true then, so it does not count.
    """
    found: list[tuple[Dataset, Box]] = []
    for region in header.get("SequenceOfUltrasoundRegions") or ():
        if number(region, "RegionSpatialFormat") != TWO_DIMENSIONAL:
            continue
        if number(region, "RegionDataType") not in TISSUE_OR_COLOUR_FLOW:
            continue
        corners = numbers(region, *(f"RegionLocation{corner}" for corner in ("MinX0", "MinY0", "MaxX1", "MaxY1")))
        if len(corners) != 4:
            continue
        x0, y0, x1, y1 = map(int, corners)  # the standard names the last pixel, not the one behind it
        left, top, right, bottom = max(0, x0), max(0, y0), min(header.Columns, x1 + 1), min(header.Rows, y1 + 1)
        if right - left < WITHIN_IMAGE * (x1 + 1 - x0) or bottom - top < WITHIN_IMAGE * (y1 + 1 - y0):
            logger.info("an ultrasound region reaches beyond the image; the header is that of another size")
        elif min(right - left, bottom - top) >= SMALLEST_SIDE_PX:
            found.append((region, Box(left, top, right - left, bottom - top)))
    return max(found, key=lambda each: each[1].width * each[1].height, default=None)


def spacing_mm(header: Dataset) -> float | None:
    """Millimetres per pixel, if the header says so and it is the same across and down within 1 %.

    Ultrasound: Physical Delta X and Y of the region, when its units are centimetres. Else Pixel Spacing, then Imager
    Pixel Spacing, then Nominal Scanned Pixel Spacing. The last two are measured at the detector or the film: the body
    part is smaller by the magnification (source-to-image over source-to-object distance, about 1.05 to 1.2), which
    nothing here corrects.
    """
    across, down = _spacings_mm(header)
    if across is None or down is None or not (0 < across < 100 and 0 < down < 100):
        return None
    if abs(across - down) > SAME_SPACING * max(across, down):
        logger.info("spacing differs across (%g mm) and down (%g mm); lengths stay in pixels", across, down)
        return None
    return (across + down) / 2


def _spacings_mm(header: Dataset) -> tuple[float | None, float | None]:
    """Spacing across (column to column) and down (row to row)."""
    if header.get("SequenceOfUltrasoundRegions"):
        found = _picture_region(header)
        if found is None:
            return None, None
        units = numbers(found[0], "PhysicalUnitsXDirection", "PhysicalUnitsYDirection")
        deltas = numbers(found[0], "PhysicalDeltaX", "PhysicalDeltaY")
        if units == (CENTIMETRE, CENTIMETRE) and len(deltas) == 2:
            return abs(deltas[0]) * 10, abs(deltas[1]) * 10  # a negative delta is a direction
        return None, None
    measures = (functional_group(header, "PixelMeasuresSequence"), header)
    for dataset, keyword in itertools.product(measures, SPACING_KEYWORDS):
        pair = numbers(dataset, keyword) if dataset is not None else ()
        if len(pair) == 2 and pair[0] > 0 and pair[1] > 0:
            return pair[1], pair[0]  # the standard names rows first
    return None, None


def frame_times_s(header: Dataset, count: int) -> list[float] | None:
    """When each frame was taken, in seconds from the first; None for a stack that has no time."""
    steps = numbers(header, "FrameTimeVector")
    if len(steps) >= count > 0 and all(step >= 0 for step in steps) and sum(steps[1:count]) > 0:
        return [milliseconds / 1000 for milliseconds in itertools.accumulate(steps[1:count], initial=0.0)]
    frame_time_ms = number(header, "FrameTime")
    if frame_time_ms is None or frame_time_ms <= 0:
        rates = (number(header, keyword) for keyword in ("CineRate", "RecommendedDisplayFrameRate"))
        rate_hz = next((rate for rate in rates if rate is not None and rate > 0), None)
        if rate_hz is None:
            return None
        frame_time_ms = 1000 / rate_hz
    return [index * frame_time_ms / 1000 for index in range(count)]


def functional_group(header: Dataset, keyword: str) -> Dataset | None:
    """The first item of a functional group sequence of an enhanced image: the shared one, else the first frame's."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in (header.get(groups) or ())[:1]:
            for item in (group.get(keyword) or ())[:1]:
                return item
    return None


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of an element as a finite number, or None if it is absent or malformed."""
    return next(iter(numbers(dataset, keyword)), None)


def numbers(dataset: Dataset, *keywords: str) -> tuple[float, ...]:
    """All values of the elements as finite numbers; empty if one is absent or malformed."""
    found: list[float] = []
    try:
        for keyword in keywords:
            value = dataset.get(keyword)
            found += map(float, value if isinstance(value, MultiValue | list | tuple) else (value,))
    except (TypeError, ValueError, OverflowError):
        return ()
    return tuple(found) if all(map(math.isfinite, found)) else ()
