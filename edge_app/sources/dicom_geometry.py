"""Where the picture is in a DICOM image, how large its pixels are, and when each of its frames was taken.

Source: DICOM PS3.3, sections C.7.6.3.1.7 and 10.7.1 (spacing), C.8.5.5 (ultrasound regions), C.7.6.5 (cine).
"""

import itertools
import logging
import math
from typing import Final

from pydicom.dataset import Dataset

from edge_app.records import Box

logger = logging.getLogger(__name__)

TWO_DIMENSIONAL: Final = 1
"""Region Spatial Format (0018,6012): 2D, that is neither M-mode nor spectral nor wave form."""
TISSUE_OR_COLOUR_FLOW: Final = (1, 2)
"""Region Data Type (0018,6014)."""
CENTIMETRE: Final = 3
"""Physical Units X/Y Direction (0018,6024 and 6026)."""
SAME_SPACING: Final = 0.01
"""Spacings across and down that differ by more than this part are not one ``mm_per_pixel``."""
SPACING_KEYWORDS: Final = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")


def ultrasound_region(header: Dataset) -> Dataset | None:
    """The largest region with a two-dimensional tissue or colour flow picture, if the header names regions."""
    pictures = [
        region
        for region in header.get("SequenceOfUltrasoundRegions") or ()
        if number(region, "RegionSpatialFormat") == TWO_DIMENSIONAL
        and number(region, "RegionDataType") in TISSUE_OR_COLOUR_FLOW
        and _region_box(region) is not None
    ]
    return max(pictures, key=lambda region: _area(_region_box(region)), default=None)


def picture_area(header: Dataset, width: int, height: int) -> Box | None:
    """The ultrasound region, cut to the image; None without one (the whole frame is the picture, or nobody says)."""
    region = ultrasound_region(header)
    box = None if region is None else _region_box(region)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
    return Box(x0, y0, x1 - x0, y1 - y0) if x0 < x1 and y0 < y1 else None


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
        region = ultrasound_region(header)
        if region is None:
            return None, None
        units = number(region, "PhysicalUnitsXDirection"), number(region, "PhysicalUnitsYDirection")
        across, down = number(region, "PhysicalDeltaX"), number(region, "PhysicalDeltaY")
        if units == (CENTIMETRE, CENTIMETRE) and across and down:
            return abs(across) * 10, abs(down) * 10  # a negative delta is a direction
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


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """All values of an element as finite numbers; empty if one is malformed."""
    try:
        value = dataset.get(keyword)
        several = value if hasattr(value, "__iter__") and not isinstance(value, str | bytes) else (value,)
        found = tuple(float(each) for each in several)
    except (TypeError, ValueError, OverflowError):
        return ()
    return found if all(map(math.isfinite, found)) else ()


def _region_box(region: Dataset) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom; right and bottom one past the last pixel, which the standard names."""
    corners = [number(region, f"RegionLocation{corner}") for corner in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
    if any(corner is None for corner in corners):
        return None
    x0, y0, x1, y1 = (int(corner) for corner in corners if corner is not None)
    return (x0, y0, x1 + 1, y1 + 1) if x0 < x1 and y0 < y1 else None


def _area(box: tuple[int, int, int, int] | None) -> int:
    return 0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
