import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.errors import SourceError, UnreadableImage
from edge_app.records import Frame
from edge_app.sources.base import Source
from edge_app.sources.opening import open_file, open_path, tell_kind

Read = Callable[[Source], list[Frame]]
Save = Callable[..., Path]
Dicom = Callable[[str], Path]
Image = NDArray[np.uint8]


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tiff", "webp", "jp2", "pgm", "ppm"])
def test_an_image_is_told_by_its_content_whatever_it_is_called(suffix: str, colours: Image, save: Save) -> None:
    path = save(f"a.{suffix}", colours[:, :, 0].copy() if suffix == "pgm" else colours)
    assert tell_kind(path.rename(path.with_suffix(".dcm"))) == "image"


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.mkv", "clip.mov"])
def test_a_video_is_told_by_its_content(name: str, save_video: Callable[..., Path]) -> None:
    path = save_video(name)
    assert tell_kind(path.rename(path.with_suffix(".jpg"))) == "video"


@pytest.mark.parametrize(
    "name", ["US1_J2KR.dcm", "OT-PAL-8-face.dcm", "ExplVR_LitEndNoMeta.dcm", "ExplVR_BigEndNoMeta.dcm"]
)
def test_dicom_is_told_with_and_without_preamble(name: str, dicom: Dicom, tmp_path: Path) -> None:
    assert tell_kind(shutil.copy(dicom(name), tmp_path / "picture.png")) == "dicom"


def test_a_dicom_file_whose_preamble_is_a_tiff_is_dicom(dicom: Dicom, tmp_path: Path) -> None:
    path = tmp_path / "dual"
    path.write_bytes(b"II*\0" + dicom("CT_small.dcm").read_bytes()[4:])
    assert tell_kind(path) == "dicom"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"just text\n" * 100, "no image, video or DICOM"),
        (b"BMW 320i, a text that begins like a bitmap", "no image, video or DICOM"),
        (b"\x08\0", "no image, video or DICOM"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04" + bytes(60), "unpack"),
        (b"\0\0\0\x18ftypheic" + bytes(60), "HEIC"),
        (b"#EXTM3U\nhttp://somewhere/else.ts\n", "playlist"),
        (np.random.default_rng(0).bytes(4096), "no image, video or DICOM"),
    ],
)
def test_a_stranger_is_refused_with_its_name_and_why(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match=reason) as caught:
        open_file(path)
    assert str(path) in str(caught.value)


def test_what_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not there"):
        open_path(tmp_path / "none")
    with pytest.raises(SourceError, match="no path"):
        open_path([])


def test_thinning_reaches_the_clips(save_video: Callable[..., Path], dicom: Dicom, read: Read) -> None:
    assert len(read(open_path([save_video("a.mp4", count=30), dicom("examples_ybr_color.dcm")], step=10))) == 6


def test_dicom_without_pydicom_says_what_to_install(
    dicom: Dicom, colours: Image, save: Save, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.startswith("edge_app.sources.dicom"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    errors: list[UnreadableImage] = []
    frames = read(open_path([dicom("CT_small.dcm"), save("a.png", colours)], on_error=errors.append))
    assert len(frames) == 1, "the image beside it is still read"
    assert "pip install 'edge-cad[dicom]'" in str(errors[0])
