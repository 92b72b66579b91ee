import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_app.errors import UnreadableImage
from edge_app.records import Frame
from edge_app.sources.base import Source
from edge_app.sources.thinning import Thinning
from edge_app.sources.video_file import VideoFile, fourcc_text

Read = Callable[[Source], list[Frame]]
SaveVideo = Callable[..., Path]
CONTAINERS = ["clip.mp4", "clip.avi", "clip.mkv", "clip.mov"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_picture_comes_with_its_own_time(name: str, save_video: SaveVideo, read: Read) -> None:
    source = VideoFile(save_video(name, count=30, rate_hz=25))
    frames = read(source)
    assert [frame.sequence for frame in frames] == list(range(30))
    assert np.allclose([frame.time_s for frame in frames], np.arange(30) / 25, atol=0.001)
    assert all(abs(int(frame.pixels.mean()) - 8 * frame.sequence) < 6 for frame in frames)
    assert {frame.clip_id for frame in frames} == {source.name}
    assert source.describe()["rate_hz"] == 25 and source.describe()["width_px"] == 64


def test_a_variable_rate_is_kept(save_video: SaveVideo, read: Read) -> None:
    path = save_video("clip.mp4", count=30, rate_hz=25)
    path.write_bytes(_with_two_rates(path.read_bytes()))
    times_s = [frame.time_s for frame in read(VideoFile(path))]
    assert np.allclose(np.diff(times_s)[:14], 0.02, atol=0.001)
    assert np.allclose(np.diff(times_s)[16:], 0.06, atol=0.001)


def test_rotation_metadata_are_applied(save_video: SaveVideo, read: Read) -> None:
    path = save_video("clip.mp4", count=3)
    data = path.read_bytes()
    matrix = data.index(b"tkhd") + 44
    quarter_turn = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(data[:matrix] + quarter_turn + data[matrix + 36 :])
    assert {frame.pixels.shape for frame in read(VideoFile(path))} == {(64, 48, 3)}


def test_a_step_gives_every_nth_picture_with_its_own_time(save_video: SaveVideo, read: Read) -> None:
    frames = read(VideoFile(save_video("clip.mp4", count=30, rate_hz=25), Thinning(step=10)))
    assert [round(frame.time_s, 2) for frame in frames] == [0.0, 0.4, 0.8]
    assert [frame.sequence for frame in frames] == [0, 1, 2]
    assert [round(float(frame.pixels.mean()) / 8) for frame in frames] == [0, 10, 20]


def test_a_greatest_rate_thins_by_the_clips_own_clock(save_video: SaveVideo, read: Read) -> None:
    frames = read(VideoFile(save_video("clip.mp4", count=50, rate_hz=25), Thinning(max_rate_hz=5)))
    assert np.allclose([frame.time_s for frame in frames], np.arange(10) / 5, atol=0.041)


def test_pictures_left_out_are_not_converted(
    save_video: SaveVideo, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrieved = []

    class Counting:
        def __init__(self, *arguments: object) -> None:
            self._real = real(*arguments)  # type: ignore[call-overload]

        def __getattr__(self, name: str) -> object:
            if name == "retrieve":
                retrieved.append(1)
            return getattr(self._real, name)

    real = cv2.VideoCapture
    path = save_video("clip.mp4", count=30)
    monkeypatch.setattr(cv2, "VideoCapture", Counting)
    assert len(read(VideoFile(path, Thinning(step=10)))) == len(retrieved) == 3


@pytest.mark.parametrize("name", ["clip.avi", "clip.mkv"])
def test_a_truncated_video_gives_what_it_has_and_then_says_so(name: str, save_video: SaveVideo) -> None:
    path = save_video(name, count=60)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames = []
    with VideoFile(path) as source, pytest.raises(UnreadableImage, match=r"breaks off after .* of 2\.4 s"):
        frames.extend(source.frames())
    assert 3 < len(frames) < 50


def test_an_mp4_without_its_index_is_refused(save_video: SaveVideo, refusal: Callable[[Source], str]) -> None:
    path = save_video("clip.mp4")
    path.write_bytes(path.read_bytes()[:600])
    assert str(path) in refusal(VideoFile(path))


def test_a_video_without_pictures_is_refused(save_video: SaveVideo, refusal: Callable[[Source], str]) -> None:
    path = save_video("clip.mkv", count=0)
    assert "no picture" in refusal(VideoFile(path)) or "no video" in refusal(VideoFile(path))


def test_a_video_with_pictures_too_small_is_refused(save_video: SaveVideo, refusal: Callable[[Source], str]) -> None:
    assert "too small" in refusal(VideoFile(save_video("clip.avi", size=(8, 8))))


def test_leaving_early_ends_the_frames(save_video: SaveVideo) -> None:
    with VideoFile(save_video("clip.mp4")) as source:
        frames = source.frames()
        next(frames)
        source.close()
        assert list(frames) == []


def test_a_file_name_is_never_taken_for_an_address(refusal: Callable[[Source], str]) -> None:
    assert "no video" in refusal(VideoFile(Path("http://127.0.0.1:9/clip.mp4")))


def test_fourcc_is_four_characters_or_none() -> None:
    assert fourcc_text(cv2.VideoWriter.fourcc(*"MJPG")) == "MJPG"
    assert fourcc_text(0) == fourcc_text(-1) == ""


def _with_two_rates(mp4: bytes) -> bytes:
    """The first half of the pictures at twice the rate, the second at two thirds, by a second entry in stts."""
    data = bytearray(mp4)
    table = data.rindex(b"stts")
    entries, count, ticks = struct.unpack_from(">III", data, table + 8)
    assert entries == 1
    half = count // 2
    data[table + 8 : table + 20] = struct.pack(">IIIII", 2, half, ticks // 2, count - half, ticks * 3 // 2)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):
        start = data.rindex(box) - 4
        struct.pack_into(">I", data, start, struct.unpack_from(">I", data, start)[0] + 8)
    return bytes(data)
