"""Opens files and folders by what is in them, whatever they are called."""

import functools
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

from edge_app.errors import SourceError, UnreadableImage
from edge_app.sources.base import OnUnreadable, Source, log_unreadable
from edge_app.sources.image_file import ImageFile
from edge_app.sources.image_folder import ImageFolder
from edge_app.sources.thinning import Thinning
from edge_app.sources.video_file import VideoFile

FileKind: TypeAlias = Literal["image", "video", "dicom"]

SNIFFED_BYTES: Final = 512
IMAGE_STARTS: Final = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"II*\0",
    b"MM\0*",
    b"\0\0\0\x0cjP  \r\n",
    b"\xff\x4f\xff\x51",
    *(b"P%d" % kind + space for kind in range(1, 7) for space in (b"\n", b" ", b"\t", b"\r")),
)
VIDEO_STARTS: Final = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"\0\0\x01\xba",  # MPEG programme stream
    b"\0\0\x01\xb3",  # MPEG video
    b"OggS",
    b"FLV\x01",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"GIF87a",
    b"GIF89a",
    b"YUV4MPEG2 ",
)
ISO_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
STILL_BRANDS: Final = (b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"avif", b"avis")
KNOWN_STRANGERS: Final = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive; unpack it first",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"\x89HDF": "an HDF5 file",
    b"#EXTM3U": "a playlist; give its stream as a URL",
}


def open_path(
    path: Path | Sequence[Path],
    *,
    on_error: OnUnreadable = log_unreadable,
    step: int = 1,
    max_rate_hz: float | None = None,
) -> Source:
    """A source for a file, a folder with everything below it, or several of them, in natural order.

    Args:
        path: Images, video, DICOM, or folders of them in any mix.
        on_error: Told of each file that cannot be read, also if it is the only one; the source goes on.
        step: Give every ``step``-th picture of a clip.
        max_rate_hz: Give at most so many pictures of each second of a clip, by the clip's own clock.

    Raises:
        SourceError: There is nothing at the path. (That a folder holds no picture shows when it is read.)
    """
    paths = (path,) if isinstance(path, Path) else tuple(path)
    if not paths:
        raise SourceError("no path was given")
    for each in paths:
        if not each.exists():
            raise SourceError(f"{each} is not there; check the path")
    return ImageFolder(paths, functools.partial(open_file, thinning=Thinning(step, max_rate_hz)), on_error)


def open_file(path: Path, thinning: Thinning | None = None) -> Source:
    """The source for one file by its content.

    Raises:
        UnreadableImage: It cannot be read, or holds no image, video or DICOM.
    """
    match tell_kind(path):
        case "image":
            return ImageFile(path)
        case "video":
            return VideoFile(path, thinning)
        case "dicom":
            try:
                from edge_app.sources.dicom_files import DicomFile
            except ModuleNotFoundError as error:
                if error.name != "pydicom":
                    raise
                raise UnreadableImage(f"{path} is DICOM; to read it: pip install 'edge-cad[dicom]'") from error
            return DicomFile(path, thinning)


def tell_kind(path: Path) -> FileKind:
    """What a file holds, from its first bytes.

    Raises:
        UnreadableImage: It cannot be read, is empty, or holds none of them.
    """
    try:
        with path.open("rb") as file:
            start = file.read(SNIFFED_BYTES)
    except OSError as error:
        raise UnreadableImage(f"{path} cannot be read: {error.strerror}") from error
    if not start:
        raise UnreadableImage(f"{path} cannot be read: it is empty")
    if start[128:132] == b"DICM":  # first: the preamble may look like a TIFF
        return "dicom"
    if start.startswith(IMAGE_STARTS) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP") or _is_bmp(start):
        return "image"
    if start[4:8] in ISO_BOXES:
        if start[8:12] in STILL_BRANDS:
            raise UnreadableImage(f"{path} cannot be read: it is a HEIC or AVIF image; convert it to PNG or JPEG")
        return "video"
    if start.startswith(VIDEO_STARTS) or (start[:4] == b"RIFF" and start[8:12] == b"AVI "):
        return "video"
    if start[:1] == b"\x47" and start[188:189] == b"\x47" and start[376:377] == b"\x47":  # MPEG transport stream
        return "video"
    if _is_bare_dicom(start):
        return "dicom"
    what = next((text for magic, text in KNOWN_STRANGERS.items() if start.startswith(magic)), None)
    raise UnreadableImage(f"{path} cannot be read: it is {what or 'no image, video or DICOM file'}")


def _is_bmp(start: bytes) -> bool:
    """``BM`` alone begins many texts; the header's length must be one that exists too."""
    return start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in (12, 40, 52, 56, 64, 108, 124)


def _is_bare_dicom(start: bytes) -> bool:
    """A DICOM data set without preamble: begins with an element of group 2 or 8, in either byte order."""
    if len(start) < 8:
        return False
    for order in "<>":
        group, element, length = struct.unpack_from(order + "HHI", start)
        if group in (0x0002, 0x0008) and element <= 0x0100:
            explicit_type = start[4:6].isalpha() and start[4:6].isupper()
            return explicit_type or length < 1024
    return False
