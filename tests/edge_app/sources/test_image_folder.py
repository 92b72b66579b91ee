import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_app.errors import SourceError, UnreadableImage
from edge_app.records import Frame
from edge_app.sources.base import Source
from edge_app.sources.image_folder import natural_key
from edge_app.sources.opening import open_path

Read = Callable[[Source], list[Frame]]
Save = Callable[..., Path]
Image = NDArray[np.uint8]


def _names(frames: list[Frame], folder: Path) -> list[str]:
    return [str(Path(frame.source).relative_to(folder)) for frame in frames]


def test_files_come_in_natural_order_below_each_folder(grays: Image, save: Save, tmp_path: Path, read: Read) -> None:
    for name in ("b.png", "a10.png", "a2.png", "A1.png", "a2/10.png", "a2/9.png", "z/y/x.png"):
        save(name, grays)
    frames = read(open_path(tmp_path))
    assert _names(frames, tmp_path) == ["A1.png", "a2/9.png", "a2/10.png", "a2.png", "a10.png", "b.png", "z/y/x.png"]
    assert [frame.sequence for frame in frames] == list(range(7))


def test_a_folder_of_mixed_content_is_read_by_content(
    grays: Image, save: Save, save_video: Callable[..., Path], dicom: Callable[[str], Path], tmp_path: Path, read: Read
) -> None:
    save("1.png", grays)
    save_video("2.avi", count=5)
    shutil.copy(dicom("examples_ybr_color.dcm"), tmp_path / "3")
    frames = read(open_path(tmp_path))
    assert len(frames) == 1 + 5 + 30
    assert [frame.sequence for frame in frames] == list(range(36))
    assert [frame.clip_id is None for frame in frames] == [True] + [False] * 35
    assert len({frame.clip_id for frame in frames}) == 3


def test_a_bad_file_is_told_and_the_next_ones_follow(grays: Image, save: Save, tmp_path: Path, read: Read) -> None:
    for name in ("1.png", "3.png", "5.png"):
        save(name, grays)
    (tmp_path / "2.jpg").write_text("text called a picture")
    (tmp_path / "4.png").write_bytes((tmp_path / "3.png").read_bytes()[:-20])
    errors: list[UnreadableImage] = []
    source = open_path(tmp_path, on_error=errors.append)
    assert _names(read(source), tmp_path) == ["1.png", "3.png", "5.png"]
    assert ["2.jpg" in str(errors[0]), "4.png" in str(errors[1])] == [True, True] and len(errors) == 2
    assert source.describe()["files_read"] == 3 and source.describe()["files_unreadable"] == 2


def test_what_breaks_off_keeps_the_pictures_before(
    grays: Image, save: Save, save_video: Callable[..., Path], tmp_path: Path, read: Read
) -> None:
    clip = save_video("1.avi", count=60)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    save("2.png", grays)
    errors: list[UnreadableImage] = []
    frames = read(open_path(tmp_path, on_error=errors.append))
    assert len(frames) > 5 and frames[-1].source.endswith("2.png") and len(errors) == 1


def test_companions_of_pictures_are_passed_over(grays: Image, save: Save, tmp_path: Path, read: Read) -> None:
    save("1.png", grays)
    save(".hidden.png", grays)
    (tmp_path / "README.md").write_text("about the pictures")
    (tmp_path / "labels.csv").write_text("a,b\n1,2\n")
    errors: list[UnreadableImage] = []
    source = open_path(tmp_path, on_error=errors.append)
    assert len(read(source)) == 1 and not errors
    assert source.describe()["files_passed_over"] == 2


def test_a_file_that_the_user_named_is_never_passed_over(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "README.md"
    path.write_text("no picture")
    errors: list[UnreadableImage] = []
    assert not read(open_path(path, on_error=errors.append))
    assert "README.md" in str(errors[0])


def test_a_folder_without_any_picture_is_an_error(tmp_path: Path, read: Read) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "README.md").write_text("no picture")
    with pytest.raises(SourceError, match="holds no image, video or DICOM"):
        read(open_path(tmp_path))


def test_a_link_that_leads_back_is_not_followed(grays: Image, save: Save, tmp_path: Path, read: Read) -> None:
    save("below/1.png", grays)
    (tmp_path / "below" / "back").symlink_to(tmp_path)
    assert len(read(open_path(tmp_path))) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_told(grays: Image, save: Save, tmp_path: Path, read: Read) -> None:
    save("1.png", grays)
    locked = save("locked/2.png", grays).parent
    locked.chmod(0)
    errors: list[UnreadableImage] = []
    try:
        assert len(read(open_path(tmp_path, on_error=errors.append))) == 1
    finally:
        locked.chmod(0o700)
    assert "locked" in str(errors[0])


def test_a_link_to_where_nobody_may_look_is_told(
    grays: Image, save: Save, tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("a.png", grays)
    (tmp_path / "b.png").symlink_to(tmp_path / "forbidden" / "b.png")
    ask = Path.is_file

    def is_file(path: Path) -> bool:
        if path.name == "b.png":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return ask(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    errors: list[UnreadableImage] = []
    assert len(read(open_path(tmp_path, on_error=errors.append))) == 1
    assert [str(error) for error in errors] == [f"{tmp_path / 'b.png'} cannot be read: Permission denied"]


def test_several_paths_are_read_in_the_given_order(grays: Image, save: Save, tmp_path: Path, read: Read) -> None:
    second, first = save("a/1.png", grays), save("b.png", grays)
    assert _names(read(open_path([first, second.parent])), tmp_path) == ["b.png", "a/1.png"]


def test_a_frame_names_the_path_as_given(
    grays: Image, save: Save, tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("pictures/a/1.png", grays)
    monkeypatch.chdir(tmp_path)
    assert read(open_path(Path("pictures")))[0].source == "pictures/a/1.png"


@given(st.lists(st.tuples(st.text("ab²é", max_size=3), st.integers(0, 10**12)), min_size=2, max_size=2))
def test_names_sort_by_their_words_and_then_as_people_count(names: list[tuple[str, int]]) -> None:
    (word, small), (other_word, large) = sorted(names, key=lambda name: name[1])
    if word == other_word and small < large:
        assert natural_key(f"{word}{small}.png") < natural_key(f"{word}{large:015}.png")
    first, second = natural_key(word), natural_key(other_word)
    assert (first < second) + (second < first) + (first == second) == 1, "any two names can be put in order"
