import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.records import Frame
from edge_app.sources.base import Source
from edge_app.sources.image_file import ImageFile

Read = Callable[[Source], list[Frame]]
Refusal = Callable[[Source], str]
Save = Callable[..., Path]
Image = NDArray[np.uint8]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "jp2", "ppm"])
def test_lossless_files_give_the_pixels_that_went_in(suffix: str, colours: Image, save: Save, read: Read) -> None:
    lossless_webp = (cv2.IMWRITE_WEBP_QUALITY, 101) if suffix == "webp" else ()
    (frame,) = read(ImageFile(save(f"a.{suffix}", colours, *lossless_webp)))
    assert np.array_equal(frame.pixels, colours)
    assert (frame.clip_id, frame.time_s, frame.mm_per_pixel) == (None, 0.0, None)


def test_a_jpeg_gives_its_colours(colours: Image, save: Save, read: Read) -> None:
    (frame,) = read(ImageFile(save("a.jpg", colours)))
    assert np.abs(frame.pixels.astype(int) - colours).mean() < 5


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tiff", "pgm"])
def test_gray_stays_gray(suffix: str, grays: Image, save: Save, read: Read) -> None:
    (frame,) = read(ImageFile(save(f"a.{suffix}", grays)))
    assert frame.pixels.shape == grays.shape
    assert np.abs(frame.pixels.astype(int) - grays).max() <= (6 if suffix == "jpg" else 0)


@pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
def test_a_12_bit_radiograph_in_16_bits_is_not_black(suffix: str, save: Save, read: Read) -> None:
    ramp = np.linspace(0, 4095, 100 * 100).reshape(100, 100).astype(np.uint16)
    (frame,) = read(ImageFile(save(f"a.{suffix}", ramp)))
    assert frame.pixels[0, 0] == 0 and frame.pixels[-1, -1] == 255
    assert abs(int(frame.pixels[50, 0]) - 127) <= 1


def test_a_bright_marker_does_not_darken_the_rest(save: Save, read: Read) -> None:
    ramp = np.linspace(0, 4095, 100 * 100).reshape(100, 100).astype(np.uint16)
    ramp[0, :5] = 65535
    (frame,) = read(ImageFile(save("a.png", ramp)))
    assert frame.pixels[90, 50] > 220


def test_a_float_tiff_with_holes_is_shown(save: Save, read: Read) -> None:
    ramp = np.linspace(-1, 1, 100 * 100).reshape(100, 100).astype(np.float32)
    ramp[40, 40] = np.nan
    (frame,) = read(ImageFile(save("a.tiff", ramp)))
    assert frame.pixels[40, 40] == 0 and abs(int(frame.pixels[50, 0]) - 127) <= 1


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_transparent_pixels_lie_on_black(depth: type, save: Save, read: Read) -> None:
    full = np.iinfo(depth).max
    image = np.full((40, 40, 4), full, depth)
    image[:, :20, 0] = 0
    image[:20, :, 3] = 0
    image[20:30, :, 3] = full // 2
    (frame,) = read(ImageFile(save("a.png", image)))
    assert frame.pixels.shape == (40, 40, 3)
    assert not frame.pixels[:20].any()
    assert np.allclose(frame.pixels[25, 0], (0, 127, 127), atol=1)
    assert np.array_equal(frame.pixels[35, 0], (0, 255, 255))


EXIF_TURNS = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image.transpose(1, 0, 2), 2),
    8: lambda image: np.rot90(image, 1),
}


def _exif(orientation: int) -> bytes:
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


@pytest.mark.parametrize("orientation", EXIF_TURNS)
def test_exif_orientation_of_a_jpeg_is_applied(orientation: int, colours: Image, save: Save, read: Read) -> None:
    path = save("a.jpg", colours)
    block = b"Exif\0\0" + _exif(orientation)
    jpeg = path.read_bytes()
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:])
    (frame,) = read(ImageFile(path))
    expected = EXIF_TURNS[orientation](colours)
    assert frame.pixels.shape == expected.shape
    assert np.abs(frame.pixels.astype(int) - expected).mean() < 5


def test_exif_orientation_of_a_png_is_applied_once(colours: Image, save: Save, read: Read) -> None:
    path = save("a.png", colours)
    png, exif = path.read_bytes(), _exif(6)
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    path.write_bytes(png[:33] + chunk + png[33:])
    (frame,) = read(ImageFile(path))
    assert np.array_equal(frame.pixels, np.rot90(colours, -1))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_of_a_tiff_is_applied_once(orientation: int, colours: Image, tmp_path: Path, read: Read) -> None:
    height, width = colours.shape[:2]
    pixels = np.ascontiguousarray(colours[:, :, ::-1]).tobytes()
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 8 + 2 + 12 * 10 + 4), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 8 + 2 + 12 * 10 + 4 + 6), (274, 3, 1, orientation), (277, 3, 1, 3), (278, 4, 1, height),
        (279, 4, 1, len(pixels)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHIHH", tag, kind, count, value, 0)
        if kind == 3 and count == 1
        else struct.pack("<HHII", tag, kind, count, value)
        for tag, kind, count, value in entries
    )
    path = tmp_path / "a.tiff"
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + directory + bytes(4) + struct.pack("<HHH", 8, 8, 8) + pixels)
    (frame,) = read(ImageFile(path))
    assert np.array_equal(frame.pixels, EXIF_TURNS[orientation](colours))


def test_each_page_of_a_tiff_is_a_picture(grays: Image, tmp_path: Path, read: Read) -> None:
    path = tmp_path / "a.tiff"
    assert cv2.imwritemulti(str(path), [grays, 255 - grays, grays // 2])
    frames = read(ImageFile(path))
    assert [frame.sequence for frame in frames] == [0, 1, 2]
    assert np.array_equal(frames[1].pixels, 255 - grays) and np.array_equal(frames[2].pixels, grays // 2)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tiff", "webp", "jp2", "pgm"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.98])
def test_a_truncated_file_is_refused_rather_than_filled_with_gray(
    suffix: str, part: float, save: Save, refusal: Refusal
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 120), np.uint8)
    path = save(f"a.{suffix}", noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    assert "truncated" in refusal(ImageFile(path))


def test_bytes_after_the_end_of_a_jpeg_do_not_matter(grays: Image, save: Save, read: Read) -> None:
    path = save("a.jpg", grays)
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert len(read(ImageFile(path))) == 1


def test_a_truncated_jpeg_is_refused_although_its_thumbnail_is_whole(
    grays: Image, save: Save, refusal: Refusal
) -> None:
    path = save("a.jpg", grays)
    jpeg = path.read_bytes()
    block = b"Exif\0\0" + _exif(1) + jpeg
    whole = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]
    path.write_bytes(whole[:-60])
    assert "truncated" in refusal(ImageFile(path))


@pytest.mark.parametrize("optimised", [cv2.IMWRITE_JPEG_PROGRESSIVE, cv2.IMWRITE_JPEG_RST_INTERVAL])
def test_progressive_jpegs_and_restart_markers_are_whole(optimised: int, grays: Image, save: Save, read: Read) -> None:
    assert len(read(ImageFile(save("a.jpg", grays, optimised, 1)))) == 1


def test_a_flipped_bit_in_a_png_is_found(grays: Image, save: Save, refusal: Refusal) -> None:
    path = save("a.png", grays)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "checksum" in refusal(ImageFile(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"not a picture, whatever it is called\n" * 20, "not a JPEG"),
        (b"\xff\xd8\xff", "truncated"),
    ],
)
def test_what_is_no_image_is_refused_with_its_name_and_why(
    content: bytes, reason: str, tmp_path: Path, refusal: Refusal
) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)
    text = refusal(ImageFile(path))
    assert str(path) in text and reason in text


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path, refusal: Refusal) -> None:
    assert "not there" in refusal(ImageFile(tmp_path / "none.png"))
    assert "no file" in refusal(ImageFile(tmp_path))


@pytest.mark.parametrize("shape", [(1, 1), (15, 100), (100, 15)])
def test_a_picture_too_small_to_show_anything_is_refused(shape: tuple[int, int], save: Save, refusal: Refusal) -> None:
    text = refusal(ImageFile(save("a.png", np.zeros(shape, np.uint8))))
    assert f"{shape[1]} x {shape[0]}" in text and "16" in text


def test_a_picture_with_a_side_of_10000_pixels_is_read(save: Save, read: Read) -> None:
    (frame,) = read(ImageFile(save("a.png", np.zeros((16, 10_000), np.uint8))))
    assert frame.pixels.shape == (16, 10_000)


def test_a_huge_picture_is_refused_before_it_is_decoded(
    grays: Image, save: Save, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save("a.png", grays)
    png = bytearray(path.read_bytes())
    png[16:24] = struct.pack(">II", 100_000, 100_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    path.write_bytes(png)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    text = refusal(ImageFile(path))
    assert "100000 x 100000" in text and "100 megapixels" in text


def test_the_source_of_a_frame_is_the_path_as_given(
    grays: Image, save: Save, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(save("below/a.png", grays).parent.parent)
    source = ImageFile(Path("below/a.png"))
    assert read(source)[0].source == source.name == "below/a.png"
    assert source.describe()["format"] == "PNG"
