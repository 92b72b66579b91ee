"""A DICOM file: a radiograph, an ultrasound screen, a cine.

Nothing of the header but geometry and time goes on: no name, no date, no text reaches a frame, a log or an error.
"""

import contextlib
import logging
import os
import struct
import time
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import as_pixel_options, get_decoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    MPEGTransferSyntaxes,
)

from edge_app.errors import UnreadableImage
from edge_app.records import Frame
from edge_app.sources.dicom_geometry import frame_times_s, number, picture_area, spacing_mm
from edge_app.sources.dicom_levels import Levels
from edge_app.sources.image_file import check_size
from edge_app.sources.image_header import BadImage
from edge_app.sources.one_file import OneFile
from edge_app.sources.thinning import Thinning
from edge_app.sources.video_file import VideoFile

PIXEL_KEYWORDS: Final = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
EXPLICIT_STARTS: Final = (b"OB\0\0", b"OW\0\0", b"OF\0\0", b"OD\0\0", b"UN\0\0")
"""Value representation and padding; as a length, which an implicit element has here, it would be odd or too small."""
EXTRA: Final = "pip install 'edge-cad[dicom]'"
NOT_DECODED: Final = "cannot be decoded here; convert it, for example: gdcmconv --raw IN OUT"
SIGN_CORRECTED: Final = (*JPEG2000TransferSyntaxes, *JPEGLSTransferSyntaxes)
NO_PICTURE: Final = "a DICOM file without a picture (no pixel data, or cut off before them)"
WITHOUT_PIXELS: Final = {
    "1.2.840.10008.1.3.10": "a DICOMDIR; give the folder instead",
    "1.2.840.10008.5.1.4.1.1.104.1": "an encapsulated PDF",
    "1.2.840.10008.5.1.4.1.1.104.2": "an encapsulated CDA document",
}

DAMAGE: Final = (
    *(ValueError, KeyError, IndexError, TypeError, AttributeError),
    *(EOFError, NotImplementedError, struct.error, zlib.error),
)
"""What pydicom raises when a file is not what it should be. Its texts may quote the header and are not passed on."""

# pydicom's warnings and log lines quote values of the header, which may be a patient's.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\b")


class DicomFile(OneFile):
    """The frames of a DICOM file, decoded one at a time, so that memory stays that of one frame.

    A multi-frame file with times is a clip, and so is a video in DICOM; without times (a volume, a stack) each frame
    stands for itself. Spacing and the ultrasound region come with each frame where the header has them; see
    ``spacing_mm`` for what they mean.

    ``describe`` tells ``transfer_syntax``, ``photometric``, ``width_px``, ``height_px`` and ``frame_count``.
    """

    kind: ClassVar[str] = "dicom_file"

    def __init__(self, path: Path, thinning: Thinning | None = None) -> None:
        super().__init__(path)
        self._thinning = thinning or Thinning()

    def frames(self) -> Iterator[Frame]:
        """The frames in order.

        Raises:
            UnreadableImage: Not DICOM, no pixels, a transfer syntax that cannot be decoded here, truncated or damaged
                pixel data, too small or too large.
        """
        try:
            with self.path.open("rb") as file:
                header = self._read_header(file)
                yield from self._frames(file, header)
        except BadImage as error:
            raise UnreadableImage(f"{self.name} cannot be read: {error}") from None
        except OSError as error:
            why = error.strerror or "its header is damaged"
            raise UnreadableImage(f"{self.name} cannot be read: {why}") from None

    def _read_header(self, file: BinaryIO) -> Dataset:
        """All but the pixels; the file stands at the pixel data element then."""
        with _damage_told_as("it is no DICOM file, or its header is damaged or truncated"):
            header = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        syntax = header.file_meta.get("TransferSyntaxUID")
        if syntax == DeflatedExplicitVRLittleEndian:  # reading goes on in the inflated copy
            file.seek(0)
            with _damage_told_as("its deflated data set is damaged or truncated"):
                header = pydicom.dcmread(file)
        elif not syntax:
            header.file_meta.TransferSyntaxUID = {
                (True, True): ImplicitVRLittleEndian,
                (False, True): ExplicitVRLittleEndian,
                (False, False): ExplicitVRBigEndian,
            }.get(header.original_encoding, ImplicitVRLittleEndian)
        return header

    def _frames(self, file: BinaryIO, header: Dataset) -> Iterator[Frame]:
        if header.file_meta.TransferSyntaxUID in MPEGTransferSyntaxes:
            yield from self._video_frames(file, header)
            return
        with _damage_told_as("its header is damaged"):
            pixels = _PixelData(file, header)
            times_s = frame_times_s(header, pixels.count)
            levels = Levels(header)
            mm_per_pixel = spacing_mm(header)
            area = picture_area(header)
        check_size(pixels.columns, pixels.rows)
        self._given = {
            "transfer_syntax": pixels.syntax.name,
            "photometric": str(header.get("PhotometricInterpretation", "")),
            "width_px": pixels.columns,
            "height_px": pixels.rows,
            "frame_count": pixels.count,
        }
        is_clip = pixels.count > 1 and times_s is not None
        chosen = self._thinning.start()
        wanted = [index for index in range(pixels.count) if chosen(index, times_s[index] if times_s else float(index))]
        for sequence, (index, (stored, photometric)) in enumerate(zip(wanted, pixels.decode(wanted), strict=True)):
            if self._closed:
                return
            with _damage_told_as("its lookup tables are damaged"):
                shown = levels.to_frame(stored, photometric)
            yield Frame(
                shown, sequence, time.monotonic_ns(), datetime.now(UTC), self.name,
                clip_id=self.name if is_clip else None,
                time_s=times_s[index] if is_clip and times_s else 0.0,
                mm_per_pixel=mm_per_pixel,
                picture_area=area,
            )  # fmt: skip

    def _video_frames(self, file: BinaryIO, header: Dataset) -> Iterator[Frame]:
        """The pictures of an MPEG-2, MPEG-4 or HEVC stream, with the stream's own times."""
        syntax = UID(header.file_meta.TransferSyntaxUID)
        with _damage_told_as("its pixel data are truncated or damaged"):
            file.seek(12, os.SEEK_CUR)  # tag, value representation and undefined length
            stream = next(generate_frames(file, number_of_frames=1), b"")
            mm_per_pixel, area = spacing_mm(header), picture_area(header)
        # In memory only: a temporary file would leave a patient's pictures on the card, and wear it.
        descriptor = os.memfd_create("dicom video")
        try:
            with open(descriptor, "wb", closefd=False) as copy:
                copy.write(stream)
            del stream
            video = VideoFile(Path(f"/proc/self/fd/{descriptor}"), self._thinning)
            for frame in video.frames():
                if self._closed:
                    return
                self._given = {**video.describe(), **self.describe(), "transfer_syntax": syntax.name}
                yield replace(
                    frame, source=self.name, clip_id=self.name, mm_per_pixel=mm_per_pixel, picture_area=area
                )  # fmt: skip
        except UnreadableImage as error:
            raise BadImage(f"its {syntax.name} stream {str(error).partition(' ')[2]}") from None
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _damage_told_as(text: str) -> Iterator[None]:
    """Say ``text`` instead of what pydicom says of a malformed file, which may quote the header."""
    try:
        yield
    except BadImage:
        raise
    except DAMAGE:
        raise BadImage(text) from None


class _PixelData:
    """The pixel data element of a file, decoded frame by frame."""

    def __init__(self, file: BinaryIO, header: Dataset) -> None:
        meta = header.file_meta
        self.syntax = UID(meta.TransferSyntaxUID)
        try:
            self._decoder = get_decoder(self.syntax)
        except NotImplementedError:
            name = f"{self.syntax.name} ({self.syntax})" if self.syntax.name != self.syntax else str(self.syntax)
            raise BadImage(f"its transfer syntax {name} {NOT_DECODED}") from None
        self._source: BinaryIO | Dataset = file
        self._options: dict[str, Any] = {}
        if self.syntax == DeflatedExplicitVRLittleEndian:
            self._source = header
            present = "PixelData" in header
        else:
            present = self._enter_element(file)
        kind = str(header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")
        if not present or not header.get("Rows") or not header.get("Columns"):
            raise BadImage(f"it is {WITHOUT_PIXELS.get(kind, NO_PICTURE)}")
        self.rows, self.columns = int(header.Rows), int(header.Columns)
        self.count = max(1, int(number(header, "NumberOfFrames") or 1))
        header.NumberOfFrames = self.count  # pydicom stumbles over a malformed one
        self._options |= as_pixel_options(header, transfer_syntax_uid=self.syntax)
        if not self._decoder.is_available:
            raise BadImage(f"its transfer syntax {self.syntax.name} ({self.syntax}) needs a decoder: {EXTRA}")

    def _enter_element(self, file: BinaryIO) -> bool:
        """Move to the value of the pixel data element and note its type; False at the end of the file."""
        order = "<" if self.syntax.is_little_endian else ">"
        start = file.read(8)
        if len(start) < 8:
            return False
        group, element = struct.unpack_from(order + "HH", start)
        keyword = PIXEL_KEYWORDS.get(group << 16 | element)
        if keyword is None:
            return False
        self._options["pixel_keyword"] = keyword
        if start[4:8] in EXPLICIT_STARTS:  # some files are implicit where their transfer syntax says explicit
            self._options["pixel_vr"] = start[4:6].decode("ascii")
            file.read(4)
        return True

    def decode(self, wanted: Sequence[int]) -> Iterator[tuple[NDArray[Any], str]]:
        """Stored values and photometric interpretation of each wanted frame.

        Raises:
            BadImage: A frame is truncated, damaged or missing.
        """
        # Without indices pydicom goes through the data once; with them it looks for each frame from the start. But
        # its sign correction for JPEG 2000 and JPEG-LS writes to a read-only array without them.
        is_once_through = len(wanted) == self.count and self.syntax not in SIGN_CORRECTED
        indices = None if is_once_through else wanted
        frames = self._decoder.iter_array(self._source, indices=indices, validate=True, raw=True, **self._options)
        for done in range(len(wanted)):
            try:
                stored, properties = next(frames)
            except (StopIteration, RuntimeError, *DAMAGE) as error:
                if "does not support" in str(error):
                    raise BadImage(f"its pixel data ({self.syntax.name}) are of a kind that {NOT_DECODED}") from None
                which = f"frame {wanted[done] + 1} of {self.count}"
                raise BadImage(f"pixel data of {which} are truncated or damaged") from None
            yield stored, str(properties["photometric_interpretation"])
