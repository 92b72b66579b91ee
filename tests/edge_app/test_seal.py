import base64
import os
import sqlite3
import sys
from pathlib import Path

import pytest
from fakes.reports import make_report

from edge_app.errors import ConfigError, StoreSealed
from edge_app.records import Evidence
from edge_app.seal import Seal, read_seal
from edge_app.store import Store
from edge_app.store_check import check_store
from edge_app.store_reader import StoreReader

PICTURE = Evidence("picture.png", "image/png", b"\x89PNG a person's picture")
ABOUT = Evidence("provenance.json", "application/json", b'{"a": 1}')


def key_line() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "store.key"
    path.write_text(key_line() + "\n")
    return path


def put_sealed(path: Path, key_file: Path) -> str:
    report = make_report()
    store = Store(path, seal=read_seal(key_file))
    store.put(report, [PICTURE, ABOUT])
    store.close()
    return report.report_id


def test_a_picture_comes_back_with_the_key_and_is_nowhere_in_the_files(tmp_path: Path, key_file: Path) -> None:
    path = tmp_path / "store" / "store.sqlite3"
    report_id = put_sealed(path, key_file)
    reader = StoreReader(path, seal=read_seal(key_file))
    assert reader.read_evidence(report_id) == [PICTURE, ABOUT]
    reader.close()
    for file in path.parent.iterdir():
        assert b"a person's picture" not in file.read_bytes(), file


def test_a_picture_without_its_key_says_so_and_what_to_set(tmp_path: Path, key_file: Path) -> None:
    path = tmp_path / "store.sqlite3"
    report_id = put_sealed(path, key_file)
    other = tmp_path / "other.key"
    other.write_text(key_line())
    for seal in (None, read_seal(other)):
        reader = StoreReader(path, seal=seal)
        with pytest.raises(StoreSealed, match=f"{report_id}/picture.png.*store.key_file"):
            reader.read_evidence(report_id)
        assert reader.read_evidence(report_id, without="picture.png") == [ABOUT]
        reader.close()


def test_an_older_key_in_a_further_line_opens_what_it_closed(tmp_path: Path, key_file: Path) -> None:
    path = tmp_path / "store.sqlite3"
    report_id = put_sealed(path, key_file)
    key_file.write_text(f"{key_line()}\n\n{key_file.read_text()}")
    reader = StoreReader(path, seal=read_seal(key_file))
    assert reader.read_evidence(report_id) == [PICTURE, ABOUT]
    reader.close()


def test_a_picture_put_in_the_place_of_another_is_not_opened(key_file: Path) -> None:
    seal = read_seal(key_file)
    assert seal is not None
    closed = seal.close(b"content", "one/picture.png")
    assert seal.open(closed, "one/picture.png") == b"content"
    for content, name in ((closed, "two/picture.png"), (closed[:-1], "one/picture.png"), (b"", "one/picture.png")):
        with pytest.raises(StoreSealed):
            seal.open(content, name)


def test_the_check_needs_no_key_and_finds_a_flipped_bit(tmp_path: Path, key_file: Path) -> None:
    path = tmp_path / "store.sqlite3"
    report_id = put_sealed(path, key_file)
    assert check_store(path).problems == ()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE evidence SET content = zeroblob(40) WHERE name = 'picture.png'")
    connection.commit()
    connection.close()
    assert check_store(path).problems == (f"report {report_id}: picture.png is not what was kept",)


def test_an_encrypted_picture_is_carried_over_from_a_damaged_store(tmp_path: Path, key_file: Path) -> None:
    path = tmp_path / "store.sqlite3"
    report_id = put_sealed(path, key_file)
    store = Store(path, damaged=True, seal=read_seal(key_file))
    assert store.set_aside is not None
    assert store.read_evidence(report_id) == [PICTURE, ABOUT]
    store.close()


@pytest.mark.parametrize("text", ["", "\n \n", "c2hvcnQ=", "not base64 at all!", "A" * 400])
def test_a_key_file_without_a_key_is_refused_with_the_way_to_make_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "store.key"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"store\.key_file.*openssl rand -base64 32"):
        read_seal(path)


def test_a_missing_package_is_named(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(ConfigError, match=r"pip install edge-cad\[seal\]"):
        read_seal(key_file)


def test_two_pictures_with_the_same_pixels_look_different(key_file: Path) -> None:
    seal = read_seal(key_file)
    assert isinstance(seal, Seal)
    assert seal.close(b"same", "a") != seal.close(b"same", "a")
