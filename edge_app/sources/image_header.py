"""Size, orientation and completeness of an image file, told from its bytes before anything is decoded.

A decoder may allocate what a header asks for, and OpenCV's fills the missing part of a truncated file with gray;
so both are checked here first. Sources: ITU-T T.81 annex B (JPEG), RFC 2083 / PNG third edition, TIFF 6.0,
RFC 9649 (WebP), ISO/IEC 15444-1 annexes A and I (JPEG 2000), the Netpbm manual, CIPA DC-008 4.6.2 (orientation).
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

JPEG_FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_NEXT_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""A marker inside entropy-coded data that is neither a stuffed zero nor a restart."""
NETPBM_HEADER: Final = re.compile(
    rb"P([1-6])(?:\s+#[^\n]*)*\s+(\d{1,7})(?:\s+#[^\n]*)*\s+(\d{1,7})(?:(?:\s+#[^\n]*)*\s+(\d{1,5}))?\s"
)


class BadImage(ValueError):
    """The bytes are not a whole image; the text says in what way, without the file's name."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the header of an image file says."""

    format: str
    width: int
    height: int
    orientation: int = 1
    """EXIF orientation, 1 to 8, still to be applied; 1 for upright."""
    pages: int = 1


def read_header(data: bytes) -> ImageHeader:
    """The header of a whole JPEG, PNG, BMP, TIFF, WebP, JPEG 2000 or Netpbm file.

    Raises:
        BadImage: Another format, or not all of the file is there.
    """
    for magic, read in _READERS:
        if data.startswith(magic):
            try:
                return read(data)
            except (struct.error, IndexError):
                raise BadImage("it is truncated: its header is not whole") from None
    raise BadImage("it is not a JPEG, PNG, BMP, TIFF, WebP, JPEG 2000, PGM or PPM image")


def _read_jpeg(data: bytes) -> ImageHeader:
    size: tuple[int, int] | None = None
    orientation = 1
    position = 2
    while True:
        marker = data[position + 1] if data[position] == 0xFF else None
        if marker is None:
            raise BadImage("it is damaged: no JPEG marker where one should be")
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == 0xD9:
            break
        (length,) = struct.unpack_from(">H", data, position + 2)
        body = position + 4
        if marker in JPEG_FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", data, body + 1)
            size = width, height
        elif marker == 0xE1 and data[body : body + 6] == b"Exif\0\0":
            orientation = _exif_orientation(data[body + 6 : position + 2 + length])
        position += 2 + length
        if marker == 0xDA:  # entropy-coded data follows, up to the next marker
            found = JPEG_NEXT_MARKER.search(data, position)
            if found is None:
                raise BadImage("it is truncated: the JPEG's end marker is missing")
            position = found.start()
    if size is None:
        raise BadImage("it is damaged: the JPEG holds no picture")
    return ImageHeader("JPEG", *size, orientation)


def _read_png(data: bytes) -> ImageHeader:
    size: tuple[int, int] | None = None
    orientation = 1
    position = 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            break
        (expected,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(memoryview(data)[position + 4 : end]) != expected:
            raise BadImage(f"it is damaged: checksum of PNG chunk {kind.decode('latin-1')!r} is wrong")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", data, position + 8)
        elif kind == b"eXIf":
            orientation = _exif_orientation(data[position + 8 : end])
        elif kind == b"IEND":
            if size is None:
                break
            return ImageHeader("PNG", *size, orientation)
        position = end + 4
    raise BadImage("it is truncated: the PNG's end chunk is missing")


def _read_bmp(data: bytes) -> ImageHeader:
    (offset, header_size) = struct.unpack_from("<II", data, 10)
    if header_size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)  # negative: rows run from the top
    if compression in (0, 3) and len(data) < offset + (width * bits + 31) // 32 * 4 * height:
        raise BadImage("it is truncated: pixels of the BMP are missing")
    return ImageHeader("BMP", width, height)


def _read_tiff(data: bytes) -> ImageHeader:
    first: ImageHeader | None = None
    pages = 0
    for directory in _tiff_directories(data):
        pages += 1
        if {256, 257} - directory.keys():
            raise BadImage("it is damaged: the TIFF names no size")
        for offsets, counts in ((273, 279), (324, 325)):
            for offset, count in zip(directory.get(offsets, ()), directory.get(counts, ()), strict=False):
                if offset + count > len(data):
                    raise BadImage("it is truncated: pixels of the TIFF are missing")
        if first is None:
            first = ImageHeader("TIFF", directory[256][0], directory[257][0])
    if first is None:
        raise BadImage("it is truncated: the TIFF's directory is missing")
    return ImageHeader("TIFF", first.width, first.height, 1, pages)  # OpenCV's TIFF decoder turns the picture itself


def _read_webp(data: bytes) -> ImageHeader:
    (riff_size,) = struct.unpack_from("<I", data, 4)
    if data[8:12] != b"WEBP":
        raise BadImage("it is a RIFF file, but no WebP image")
    if len(data) < riff_size + 8:
        raise BadImage("it is truncated: the WebP is shorter than its header says")
    size: tuple[int, int] | None = None
    orientation = 1
    position = 12
    while position + 8 <= riff_size + 8:
        kind, length = struct.unpack_from("<4sI", data, position)
        body = position + 8
        if kind == b"VP8X":
            size = (int.from_bytes(data[body + 4 : body + 7], "little") + 1,
                    int.from_bytes(data[body + 7 : body + 10], "little") + 1)  # fmt: skip
        elif kind == b"VP8 " and size is None:
            width, height = struct.unpack_from("<HH", data, body + 6)
            size = width & 0x3FFF, height & 0x3FFF
        elif kind == b"VP8L" and size is None:
            (bits,) = struct.unpack_from("<I", data, body + 1)
            size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif kind == b"EXIF":
            orientation = _exif_orientation(data[body : body + length].removeprefix(b"Exif\0\0"))
        position = body + length + (length & 1)
    if size is None:
        raise BadImage("it is damaged: the WebP holds no picture")
    return ImageHeader("WebP", *size, orientation)


def _read_jpeg_2000(data: bytes) -> ImageHeader:
    codestream = data.find(b"\xff\x4f\xff\x51")
    if codestream < 0:
        raise BadImage("it is damaged: the JPEG 2000 file holds no picture")
    if data.find(b"\xff\xd9", codestream) < 0:  # a packet never holds a value above FF8F (A.2)
        raise BadImage("it is truncated: the JPEG 2000's end marker is missing")
    right, bottom, left, top = struct.unpack_from(">IIII", data, codestream + 8)
    return ImageHeader("JPEG 2000", right - left, bottom - top)


def _read_netpbm(data: bytes) -> ImageHeader:
    found = NETPBM_HEADER.match(data[:4096])
    if found is None:
        raise BadImage("it is damaged: the Netpbm header is not whole")
    kind, width, height = int(found[1]), int(found[2]), int(found[3])
    if kind in (1, 4):
        expected = (width + 7) // 8 * height if kind == 4 else width * height
        start = found.end(3) + 1  # bitmaps have no greatest value
    else:
        samples = width * height * (3 if kind in (3, 6) else 1)
        expected = samples * (1 if int(found[4] or 255) < 256 else 2) if kind > 3 else samples * 2 - 1
        start = found.end()
    if len(data) < start + expected:
        raise BadImage("it is truncated: pixels of the Netpbm image are missing")
    return ImageHeader("Netpbm", width, height)


def _tiff_directories(data: bytes) -> Iterator[dict[int, tuple[int, ...]]]:
    """Whole-number tags of each image file directory; stops at a loop."""
    order = "<" if data[:2] == b"II" else ">"
    (position,) = struct.unpack_from(order + "I", data, 4)
    seen: set[int] = set()
    while position and position not in seen:
        seen.add(position)
        (entries,) = struct.unpack_from(order + "H", data, position)
        directory: dict[int, tuple[int, ...]] = {}
        for entry in range(position + 2, position + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(order + "HHI", data, entry)
            if kind not in (3, 4):
                continue
            size = (2 if kind == 3 else 4) * count
            start = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
            if start + size > len(data):
                raise BadImage("it is truncated: a TIFF tag points behind the end")
            directory[tag] = struct.unpack_from(f"{order}{count}{'H' if kind == 3 else 'I'}", data, start)
        yield directory
        (position,) = struct.unpack_from(order + "I", data, position + 2 + 12 * entries)


def _exif_orientation(exif: bytes) -> int:
    """The orientation tag (0x0112) of an EXIF block; 1 if it has none or is damaged (the picture matters more)."""
    try:
        orientation = next(_tiff_directories(exif), {}).get(0x0112, (1,))[0]
    except (BadImage, struct.error, IndexError):
        return 1
    return orientation if 1 <= orientation <= 8 else 1


_READERS: Final = (
    (b"\xff\xd8\xff", _read_jpeg),
    (b"\x89PNG\r\n\x1a\n", _read_png),
    (b"BM", _read_bmp),
    (b"II*\0", _read_tiff),
    (b"MM\0*", _read_tiff),
    (b"RIFF", _read_webp),
    (b"\0\0\0\x0cjP  ", _read_jpeg_2000),
    (b"\xff\x4f\xff\x51", _read_jpeg_2000),
    *((b"P%d" % kind, _read_netpbm) for kind in range(1, 7)),
)
