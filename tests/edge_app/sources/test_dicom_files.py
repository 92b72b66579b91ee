import logging
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import MPEG4HP41, UID, DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit
from pydicom.uid import generate_uid as new_uid

from edge_app.errors import UnreadableImage
from edge_app.records import Box, Frame
from edge_app.sources.base import Source
from edge_app.sources.dicom_files import DicomFile
from edge_app.sources.opening import open_path
from edge_app.sources.thinning import Thinning

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")  # pytest undoes the product's own filter

Read = Callable[[Source], list[Frame]]
Refusal = Callable[[Source], str]
Dicom = Callable[[str], Path]


def test_a_cine_gives_every_picture_with_time_spacing_and_area(dicom: Dicom, read: Read) -> None:
    source = DicomFile(dicom("color3d_jpeg_baseline.dcm"))
    frames = read(source)
    assert [frame.sequence for frame in frames] == list(range(120))
    assert np.allclose([frame.time_s for frame in frames], np.arange(120) * 0.033333, atol=1e-6)
    assert {frame.clip_id for frame in frames} == {source.name}
    assert {frame.pixels.shape for frame in frames} == {(480, 640, 3)}
    assert all(frame.mm_per_pixel == pytest.approx(0.51050, abs=1e-5) for frame in frames)
    assert all(frame.picture_area == Box(84, 31, 512, 384) for frame in frames)
    assert np.std([frame.pixels.mean() for frame in frames]) > 0, "the heart beats"


def test_a_ruler_on_the_screen_agrees_with_the_spacing(dicom: Dicom, read: Read) -> None:
    """The SonoSite screen says 19 cm of depth; the picture area is as deep as that within a few lines of margin."""
    frame = read(DicomFile(dicom("color3d_jpeg_baseline.dcm"), Thinning(step=200)))[0]
    assert frame.picture_area is not None and frame.mm_per_pixel is not None
    assert frame.picture_area.height * frame.mm_per_pixel == pytest.approx(190, rel=0.05)


SAME_PICTURES = [
    ("OBXXXX1A.dcm", ["OBXXXX1A_expb.dcm", "OBXXXX1A_rle.dcm"]),
    ("gdcm-US-ALOKA-16.dcm", ["gdcm-US-ALOKA-16_big.dcm"]),
    ("US1_UNCR.dcm", ["US1_J2KR.dcm"]),
    ("RG3_UNCR.dcm", ["RG3_J2KR.dcm"]),
    ("MR_small.dcm", [
        "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm", "MR_small_padded.dcm",
    ]),
    ("emri_small.dcm", [
        "emri_small_RLE.dcm", "emri_small_big_endian.dcm", "emri_small_jpeg_2k_lossless.dcm",
        "emri_small_jpeg_ls_lossless.dcm",
    ]),
    ("SC_rgb.dcm", [
        "SC_rgb_rle.dcm", "SC_rgb_rle_16bit.dcm", "SC_rgb_rle_32bit.dcm", "SC_rgb_expb_16bit.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
    ]),
    ("color-px.dcm", ["color-pl.dcm"]),
]  # fmt: skip


@pytest.mark.parametrize(("plain", "others"), SAME_PICTURES)
def test_every_lossless_encoding_of_a_picture_gives_the_same_pixels(
    plain: str, others: list[str], dicom: Dicom, read: Read
) -> None:
    expected = read(DicomFile(dicom(plain)))
    for other in others:
        frames = read(DicomFile(dicom(other)))
        assert len(frames) == len(expected)
        for one, two in zip(expected, frames, strict=True):
            assert np.array_equal(one.pixels, two.pixels), other


@pytest.mark.parametrize(
    ("plain", "other"),
    [
        ("US1_UNCI.dcm", "US1_J2KI.dcm"),
        ("SC_rgb.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm"),
        ("SC_rgb.dcm", "SC_rgb_jpeg_dcmtk.dcm"),
        ("SC_rgb.dcm", "SC_ybr_full_uncompressed.dcm"),
        ("SC_rgb.dcm", "SC_ybr_full_422_uncompressed.dcm"),
        ("SC_rgb.dcm", "SC_rgb_jls_lossy_sample.dcm"),
        ("RG3_UNCI.dcm", "RG3_J2KI.dcm"),
    ],
)
def test_lossy_encodings_and_ybr_give_nearly_the_same_pixels(plain: str, other: str, dicom: Dicom, read: Read) -> None:
    one, two = read(DicomFile(dicom(plain)))[0], read(DicomFile(dicom(other)))[0]
    assert np.abs(one.pixels.astype(int) - two.pixels).mean() < 4


def test_colours_are_bgr(dicom: Dicom, read: Read) -> None:
    """The picture has bars from red at the top over green to blue."""
    pixels = read(DicomFile(dicom("SC_rgb.dcm")))[0].pixels
    assert pixels[5, 50].tolist() == [0, 0, 255]
    assert pixels[25, 50].tolist() == [0, 255, 0]
    assert pixels[45, 50].tolist() == [255, 0, 0]


def test_a_palette_gives_its_colours(dicom: Dicom, read: Read) -> None:
    """The Philips screen has a blue bar along its upper edge and a gray picture."""
    pixels = read(DicomFile(dicom("OBXXXX1A.dcm")))[0].pixels
    blue, green, red = pixels[5, 400].astype(int)
    assert blue > green > red and blue > 70
    sector = pixels[80:110, 380:420].astype(int)
    assert sector.max() > 150 and np.abs(sector - sector.mean(axis=2, keepdims=True)).max() < 12


@pytest.mark.parametrize(("name", "air"), [("RG1_UNCR.dcm", (slice(500, 700), slice(520, 640))),
                                           ("RG3_UNCR.dcm", (slice(600, 1000), slice(480, 560)))])  # fmt: skip
def test_bone_is_white_and_air_is_dark_in_a_monochrome1_radiograph(
    name: str, air: tuple[slice, slice], dicom: Dicom, read: Read
) -> None:
    pixels = read(DicomFile(dicom(name)))[0].pixels
    assert pixels.ndim == 2
    assert pixels[air].mean() < pixels.mean() - 20


def test_a_deflated_file_is_read(dicom: Dicom, read: Read) -> None:
    assert pydicom.dcmread(dicom("image_dfl.dcm")).file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert read(DicomFile(dicom("image_dfl.dcm")))[0].pixels.shape == (512, 512)


def test_a_file_without_preamble_and_transfer_syntax_is_read(dicom: Dicom, read: Read) -> None:
    assert read(DicomFile(dicom("OT-PAL-8-face.dcm")))[0].pixels.shape == (480, 640, 3)


def test_a_file_whose_encoding_is_not_what_it_says_is_read(dicom: Dicom, read: Read) -> None:
    assert read(DicomFile(dicom("SC_rgb_jpeg.dcm")))[0].pixels.shape == (256, 256, 3)


def test_signs_that_jpeg_2000_lost_are_restored(dicom: Dicom, read: Read) -> None:
    pixels = read(DicomFile(dicom("J2K_pixelrep_mismatch.dcm")))[0].pixels
    assert pixels[:20, :20].max() == 0, "air around a head"
    assert pixels[200:300, 200:300].mean() > 60


def test_a_stack_without_times_is_no_clip(dicom: Dicom, read: Read) -> None:
    frames = read(DicomFile(dicom("emri_small.dcm")))
    assert [(frame.clip_id, frame.time_s) for frame in frames] == [(None, 0.0)] * 10


def test_thinning_decodes_only_what_is_wanted(dicom: Dicom, read: Read) -> None:
    every = read(DicomFile(dicom("examples_ybr_color.dcm")))
    thinned = read(DicomFile(dicom("examples_ybr_color.dcm"), Thinning(step=7)))
    assert [frame.sequence for frame in thinned] == list(range(5))
    for frame, same in zip(thinned, every[::7], strict=True):
        assert np.array_equal(frame.pixels, same.pixels) and frame.time_s == same.time_s
    at_most_10_hz = read(DicomFile(dicom("examples_ybr_color.dcm"), Thinning(max_rate_hz=10)))
    assert [round(frame.time_s, 1) for frame in at_most_10_hz] == [round(0.1 * index, 1) for index in range(10)]


@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "emri_small_jpeg_2k_lossless.dcm", "RG3_UNCR.dcm"])
@pytest.mark.parametrize("part", [0.5, 0.9, 0.999])
def test_truncated_pixel_data_are_told_after_the_frames_that_are_whole(
    name: str, part: float, dicom: Dicom, tmp_path: Path, read: Read
) -> None:
    data = dicom(name).read_bytes()
    path = tmp_path / "cut.dcm"
    path.write_bytes(data[: int(part * len(data))])
    whole = int(pydicom.dcmread(dicom(name), stop_before_pixels=True).get("NumberOfFrames", 1))
    errors: list[UnreadableImage] = []
    frames = read(open_path(path, on_error=errors.append))
    assert "truncated" in str(errors[0]) and str(path) in str(errors[0])
    assert len(frames) < whole and abs(len(frames) - whole * part) <= 3


def _minimal(**elements: object) -> Dataset:
    """A 32 x 48 gray picture, each row brighter."""
    image = Dataset()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = new_uid()
    image.Rows, image.Columns, image.SamplesPerPixel = 32, 48, 1
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation, image.PhotometricInterpretation = 7, 0, "MONOCHROME2"
    image.PixelData = np.repeat(np.arange(32, dtype=np.uint8) * 8, 48).tobytes()
    for keyword, value in elements.items():
        if value is None:
            delattr(image, keyword)
        else:
            setattr(image, keyword, value)
    return image


def _saved(image: Dataset, tmp_path: Path) -> Path:
    path = tmp_path / "image.dcm"
    image.save_as(path, enforce_file_format=True)
    return path


def test_a_file_without_pixels_says_so(tmp_path: Path, refusal: Refusal) -> None:
    path = _saved(_minimal(PixelData=None), tmp_path)
    assert str(path) in refusal(DicomFile(path)) and "without a picture" in refusal(DicomFile(path))


def test_a_pdf_in_dicom_says_so(tmp_path: Path, refusal: Refusal) -> None:
    image = _minimal(PixelData=None, Rows=None, SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1")
    image.EncapsulatedDocument = b"%PDF-1.7"
    assert "encapsulated PDF" in refusal(DicomFile(_saved(image, tmp_path)))


def test_a_dicomdir_says_so(dicom: Dicom, refusal: Refusal) -> None:
    assert "DICOMDIR" in refusal(DicomFile(dicom("DICOMDIR")))


def _as_video(stream: bytes, tmp_path: Path) -> Path:
    image = _minimal(PixelData=encapsulate([stream]), Rows=48, Columns=64, PixelSpacing=[0.2, 0.2], NumberOfFrames=30)
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "YBR_PARTIAL_420", 0
    image.file_meta.TransferSyntaxUID = MPEG4HP41
    image["PixelData"].is_undefined_length = True
    return _saved(image, tmp_path)


def test_a_video_in_dicom_gives_its_pictures_and_the_headers_spacing(
    save_video: Callable[..., Path], tmp_path: Path, read: Read
) -> None:
    source = DicomFile(_as_video(save_video("clip.mp4", count=30, rate_hz=25).read_bytes(), tmp_path))
    frames = read(source)
    assert np.allclose([frame.time_s for frame in frames], np.arange(30) / 25, atol=0.001)
    assert all(abs(int(frame.pixels.mean()) - 8 * frame.sequence) < 6 for frame in frames)
    assert {(frame.source, frame.clip_id, frame.mm_per_pixel) for frame in frames} == {(source.name, source.name, 0.2)}
    assert source.describe()["kind"] == "dicom_file" and "MPEG-4" in str(source.describe()["transfer_syntax"])


def test_a_damaged_video_in_dicom_is_refused_by_its_own_name(tmp_path: Path, refusal: Refusal) -> None:
    path = _as_video(b"no video at all " * 100, tmp_path)
    text = refusal(DicomFile(path))
    assert str(path) in text and "MPEG-4" in text and "/proc" not in text


@pytest.mark.parametrize(
    ("syntax", "name"), [(UID("1.2.840.10008.1.2.4.94"), "JPIP"), (UID("1.2.3.4.5.6"), "1.2.3.4.5.6")]
)
def test_a_transfer_syntax_that_cannot_be_decoded_is_named_with_a_way_out(
    syntax: UID, name: str, tmp_path: Path, refusal: Refusal
) -> None:
    image = _minimal(PixelData=encapsulate([bytes(64)]))
    image["PixelData"].is_undefined_length = True
    path = _saved(image, tmp_path)
    data = path.read_bytes()
    old = image.file_meta.TransferSyntaxUID.encode().ljust(20, b"\0")
    new = syntax.encode() + bytes(len(syntax) % 2)
    start = data.index(old) - 2
    shift = len(new) - len(old)
    patched = data[:start] + struct.pack("<H", len(new)) + new + data[start + 2 + len(old) :]
    (group_length,) = struct.unpack_from("<I", patched, 140)
    path.write_bytes(patched[:140] + struct.pack("<I", group_length + shift) + patched[144:])
    text = refusal(DicomFile(path))
    assert name in text and "gdcmconv" in text


def test_a_missing_decoder_names_the_extra_to_install(
    dicom: Dicom, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_decoder(JPEGBaseline8Bit), "_available", {})
    text = refusal(DicomFile(dicom("color3d_jpeg_baseline.dcm")))
    assert "JPEG Baseline" in text and "pip install 'edge-cad[dicom]'" in text


def test_12_bit_jpeg_is_refused_with_a_way_out(dicom: Dicom, refusal: Refusal) -> None:
    text = refusal(DicomFile(dicom("JPEG-lossy.dcm")))
    assert "JPEG Extended" in text and "gdcmconv" in text


def test_what_is_not_dicom_is_refused(tmp_path: Path, refusal: Refusal) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"no DICOM at all, but some text" * 20)
    assert str(path) in refusal(DicomFile(path))
    assert "No such file" in refusal(DicomFile(tmp_path / "none.dcm"))


def test_a_picture_too_small_is_refused(dicom: Dicom, refusal: Refusal) -> None:
    assert "too small" in refusal(DicomFile(dicom("SC_rgb_small_odd.dcm")))


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path, refusal: Refusal) -> None:
    assert "too large" in refusal(DicomFile(_saved(_minimal(Rows=20000, Columns=20000), tmp_path)))


def test_damage_anywhere_is_an_unreadable_image_and_nothing_else(dicom: Dicom, tmp_path: Path, read: Read) -> None:
    random = np.random.default_rng(7)
    path = tmp_path / "damaged.dcm"
    outcomes = set()
    for name in ("gdcm-US-ALOKA-16.dcm", "vlut_04.dcm", "SC_rgb_jpeg.dcm", "emri_small.dcm"):
        data = dicom(name).read_bytes()
        for _ in range(30):
            damaged = bytearray(data)
            for position in random.integers(132, 4000, 8):
                damaged[position % len(damaged)] = random.integers(256)
            path.write_bytes(damaged)
            errors: list[UnreadableImage] = []
            frames = read(open_path(path, on_error=errors.append))
            assert bool(frames) or bool(errors)
            outcomes.add("refused" if errors else "shown")
    assert outcomes == {"shown", "refused"}


def _with_patient(tmp_path: Path) -> Path:
    image = _minimal(PatientName="Roe^Secretname", PatientID="SECRET-1", StudyDescription="SECRET " * 20)
    image.SOPClassUID = "1.2.SECRET"
    return _saved(image, tmp_path)


def test_nothing_of_the_patient_is_in_frames_descriptions_logs_or_errors(
    tmp_path: Path, refusal: Refusal, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = _with_patient(tmp_path)
    source = DicomFile(path)
    (frame,) = read(source)
    said = [repr(source.describe()), frame.source, repr(frame.clip_id)]
    data = path.read_bytes()
    rows = data.index(b"\x28\0\x10\0") + 4
    for broken in (data[:rows] + b"DS" + data[rows + 2 :], data[:-700], data[: rows + 3]):
        path.write_bytes(broken)
        said.append(refusal(DicomFile(path)))
    said += [record.getMessage() for record in caplog.records]
    assert not any("SECRET" in text.upper() for text in said), said


@pytest.mark.parametrize(
    "reader", ["pydicom.dcmread({path!r}).SOPClassUID", "list(DicomFile(Path({path!r})).frames())"]
)
def test_pydicoms_warnings_which_quote_the_header_are_not_printed(reader: str, tmp_path: Path) -> None:
    path = str(_with_patient(tmp_path))
    imports = "import pydicom\nfrom pathlib import Path\n"
    if "DicomFile" in reader:
        imports += "from edge_app.sources.dicom_files import DicomFile\n"
    done = subprocess.run(
        [sys.executable, "-c", imports + reader.format(path=path)], capture_output=True, text=True, check=True
    )
    assert ("SECRET" in done.stdout + done.stderr) == ("DicomFile" not in reader), done.stderr


def test_memory_stays_that_of_one_frame(tmp_path: Path) -> None:
    count = 200
    image = _minimal(Rows=256, Columns=256, NumberOfFrames=count, FrameTime="40", PixelData=bytes(count * 256 * 256))
    with DicomFile(_saved(image, tmp_path)) as source:
        tracemalloc.start()
        assert sum(1 for _ in source.frames()) == count
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak_bytes < count * 256 * 256 / 4
