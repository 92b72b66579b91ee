"""What every picture source must do, real and fake alike."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom.data import get_testdata_file

from edge_app.records import Frame
from edge_app.sources.base import Source
from edge_app.sources.capture_card import CaptureCard, open_capture_card
from edge_app.sources.capture_process import CaptureProcess
from edge_app.sources.dicom_files import DicomFile
from edge_app.sources.distant_card import DistantCard
from edge_app.sources.fake_capture_card import FakeCaptureCard
from edge_app.sources.image_file import ImageFile
from edge_app.sources.opening import open_path
from edge_app.sources.video_file import VideoFile

ENOUGH = 10
CAMERA = Path("/dev/video0")


def _image(folder: Path) -> Path:
    path = folder / "1.png"
    assert cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    return path


def _video(folder: Path) -> Path:
    path = folder / "2.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for index in range(20):
        writer.write(np.full((48, 64, 3), 10 * index, np.uint8))
    writer.release()
    return path


def _dicom() -> Path:
    return Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))


def _folder(folder: Path) -> Path:
    _image(folder)
    _video(folder)
    return folder


def _fake_card() -> Source:
    pictures = [np.full((48, 64), 10 * index, np.uint8) for index in range(20)]
    return CaptureCard(FakeCaptureCard(pictures, rate_hz=200), "fake")


def _card_elsewhere(folder: Path) -> Source:
    card = DistantCard(folder, [np.full((48, 64), 10 * index, np.uint8) for index in range(20)], rate_hz=200)
    return CaptureCard(CaptureProcess(card.choose_device, "fake"), "fake")


SOURCES: dict[str, Callable[[Path], Source]] = {
    "image_file": lambda folder: ImageFile(_image(folder)),
    "video_file": lambda folder: VideoFile(_video(folder)),
    "dicom_file": lambda folder: DicomFile(_dicom()),
    "image_folder": lambda folder: open_path(_folder(folder)),
    "several_paths": lambda folder: open_path([_video(folder), _dicom()]),
    "fake_capture_card": lambda folder: _fake_card(),
    "capture_process": _card_elsewhere,
    "capture_card": lambda folder: open_capture_card(str(CAMERA)),
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    if request.param == "capture_card" and not CAMERA.exists():
        pytest.skip(f"there is no {CAMERA}")
    made = SOURCES[request.param](tmp_path)
    yield made
    made.close()


def _some(source: Source) -> list[Frame]:
    return list(itertools.islice(source.frames(), ENOUGH))


def test_frames_are_read_only_pictures_in_order(source: Source) -> None:
    before_ns, before = time.monotonic_ns(), datetime.now(UTC)
    with source:
        frames = _some(source)
    assert frames
    for frame in frames:
        assert frame.pixels.dtype == np.uint8 and not frame.pixels.flags.writeable
        assert before_ns <= frame.captured_ns <= time.monotonic_ns()
        assert before <= frame.captured_at <= datetime.now(UTC)
    for earlier, later in itertools.pairwise(frames):
        assert later.sequence > earlier.sequence
        assert later.captured_ns >= earlier.captured_ns
        if later.clip_id == earlier.clip_id and later.clip_id is not None:
            assert later.time_s > earlier.time_s


def test_only_a_live_source_leaves_gaps(source: Source) -> None:
    with source:
        frames = []
        for frame in itertools.islice(source.frames(), ENOUGH):
            frames.append(frame)
            time.sleep(0.1 if source.live else 0)
    gaps = [later.sequence - earlier.sequence - 1 for earlier, later in itertools.pairwise(frames)]
    assert any(gaps) if source.live else not any(gaps)


def test_a_frame_is_named_after_its_source(source: Source) -> None:
    with source:
        frame = next(source.frames())
    assert any(frame.source.startswith(name) for name in source.name.split(", "))
    assert frame.clip_id is None or frame.clip_id.startswith(frame.source)


def test_frames_do_not_share_pixels(source: Source) -> None:
    with source:
        frames = _some(source)
    copies = [frame.pixels.copy() for frame in frames]
    with source:
        _some(source)
    for frame, copy in zip(frames, copies, strict=True):
        assert np.array_equal(frame.pixels, copy), "reading on changed a frame that was given before"


def test_a_source_can_be_entered_again(source: Source) -> None:
    with source:
        first = _some(source)
    with source:
        second = _some(source)
    if source.live:
        assert second[0].sequence > first[-1].sequence
    else:
        assert [frame.sequence for frame in second] == [frame.sequence for frame in first]
        assert all(np.array_equal(one.pixels, two.pixels) for one, two in zip(first, second, strict=True))


def test_close_ends_the_frames_may_come_twice_and_from_another_thread(source: Source) -> None:
    with source:
        frames = source.frames()
        next(frames)
        closer = threading.Thread(target=source.close)
        closer.start()
        closer.join()
        source.close()
        assert len(list(frames)) <= 1
    source.close()


def test_leaving_in_the_middle_leaves_no_thread_or_file_behind(source: Source) -> None:
    threads = set(threading.enumerate())
    files = _open_files()
    with source:
        frames = source.frames()
        next(frames)
    del frames
    assert set(threading.enumerate()) == threads
    assert _open_files() == files


def _open_files() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(descriptor.readlink()))
        except FileNotFoundError:  # that of the listing itself
            continue
    return {name for name in found if name.startswith("/") and "/proc/" not in name}


def test_a_description_holds_plain_values_before_and_after(source: Source) -> None:
    for described in (source.describe(), *_described_while_open(source), source.describe()):
        assert described
        for key, value in described.items():
            assert isinstance(key, str) and isinstance(value, str | int | float)


def _described_while_open(source: Source) -> Iterator[object]:
    with source:
        next(source.frames())
        yield source.describe()
