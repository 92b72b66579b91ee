import logging
import re
import tomllib
import typing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from edge_app.config import (
    CaptureCardSource,
    Config,
    DicomFilesSource,
    ImageFolderSource,
    MqttConfig,
    SourceConfig,
    StreamUrlSource,
    VideoFileSource,
    example_text,
    load_config,
)
from edge_app.config_mqtt import FurtherBroker
from edge_app.errors import ConfigError
from edge_app.messages import device_topic


def write(folder: Path, text: str) -> Path:
    path = folder / "edge-cad.toml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, **environment: str) -> list[str]:
    """What is said about a file, without the file's name and the last line."""
    path = write(folder, text)
    with pytest.raises(ConfigError) as raised:
        load_config(path, environment)
    *lines, last = str(raised.value).splitlines()
    assert last == "`edge-cad config example` prints every key with its meaning"
    return [line.removeprefix(f"{path}: ") for line in lines]


def test_without_a_file_there_are_defaults() -> None:
    config = load_config(None, {})
    assert isinstance(config.source, CaptureCardSource)
    assert config.mqtt.port == 1883
    assert device_topic(config.device.id)  # the host name made fit for a topic


def test_the_example_is_a_valid_configuration_and_shows_the_defaults(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, example_text()), {})
    assert config == Config(device=config.device)


def test_every_key_is_in_the_example(tmp_path: Path) -> None:
    """A key behind "#" counts; each section is read by itself, since there are several [source]."""
    text = re.sub(r"^#(?=[\[a-z])", "", example_text(), flags=re.MULTILINE)
    sections = re.split(r"^(?=\[)", text, flags=re.MULTILINE)[1:]
    shown: dict[str, set[str]] = {}
    for section in sections:
        tree = tomllib.loads(section)
        (name,) = re.findall(r"^\[+([a-z.]+)\]", section)
        for part in name.split("."):
            tree = tree[part]
        if name == "mqtt.further":  # only what is its own, and some that are likely
            assert {"name"} <= set(tree[0]) <= set(FurtherBroker.model_fields)
            continue
        shown.setdefault(tree["kind"] if name == "source" else name, set()).update(tree)
    assert shown == declared_keys()


def declared_keys() -> dict[str, set[str]]:
    kinds = {typing.get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in typing.get_args(sources())}
    sections: dict[str, type[BaseModel]] = dict(kinds)
    for name, field in Config.model_fields.items():
        if name != "source":
            sections[name] = typing.cast(type[BaseModel], field.annotation)
    (tls,) = [part for part in typing.get_args(MqttConfig.model_fields["tls"].annotation) if part is not type(None)]
    sections["mqtt.tls"] = tls
    return {name: set(section.model_fields) - {"tls", "further"} for name, section in sections.items()}


def sources() -> Any:
    return typing.get_args(SourceConfig)[0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('kind = "capture_card"\ndevice = "/dev/video2"', CaptureCardSource),
        ('kind = "stream_url"\nurl = "rtsp://192.168.1.20/stream"', StreamUrlSource),
        ('kind = "video_file"\npath = "clip.mp4"', VideoFileSource),
        ('kind = "image_folder"\npath = "pictures"', ImageFolderSource),
        ('kind = "dicom_files"\npath = "dicom"', DicomFilesSource),
    ],
)
def test_each_kind_of_source_is_read(tmp_path: Path, text: str, kind: type) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"")
    assert isinstance(load_config(write(tmp_path, f"[source]\n{text}\n"), {}).source, kind)


def test_a_relative_path_counts_from_the_file_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    path = write(tmp_path, '[source]\nkind = "dicom_files"\npath = "dicom"\n[store]\npath = "store.sqlite3"')
    config = load_config(path, {})
    assert isinstance(config.source, DicomFilesSource)
    assert config.source.path == tmp_path / "dicom"
    assert config.store.path == tmp_path / "store.sqlite3"


def test_the_environment_replaces_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[mqtt]\nport = 1883\nhost = "broker.local"\n')
    environment = {
        "EDGE_CAD__MQTT__PORT": "1884",
        "EDGE_CAD__DEVICE__ID": "cart-9",
        "EDGE_CAD__ANALYSIS__DISABLED_MODULES": '["b_lines", "a_lines"]',
        "EDGE_CAD__LOG__LEVEL": "debug",
        "EDGE_CADILLAC": "not ours",
    }
    config = load_config(path, environment)
    assert (config.mqtt.port, config.mqtt.host) == (1884, "broker.local")
    assert config.device.id == "cart-9"
    assert config.analysis.disabled_modules == ("b_lines", "a_lines")


def test_every_problem_is_told_at_once_with_key_and_way_out(tmp_path: Path) -> None:
    text = """
[device]
id = "cart 7"
[mqtt]
prot = 3
port = "abc"
version = "4"
password_file = "nowhere"
[mqtt.tls]
ca_file = "ca.pem"
[source]
kind = "video_file"
pth = "clip.mp4"
[analysis]
deadline_s = 0
disabled_modules = "b_lines"
[stor]
path = "store.sqlite3"
"""
    assert sorted(problems(tmp_path, text)) == sorted(
        [
            "device.id: 'cart 7' is not an id: 1 to 64 letters, digits, '_' or '-'",
            "mqtt.prot: unknown key; did you mean 'port'?",
            "mqtt.port: should be a valid integer, unable to parse string as an integer, not 'abc'; "
            "the default is port = 1883",
            "mqtt.version: should be '5' or '3.1.1', not '4'; the default is version = \"5\"",
            f"mqtt.password_file: there is no file {tmp_path}/nowhere: create it, or correct the path",
            f"mqtt.tls.ca_file: there is no file {tmp_path}/ca.pem: create it, or correct the path",
            "source.path: missing; this kind of section needs it",
            "source.pth: unknown key; did you mean 'path'?",
            "analysis.deadline_s: should be greater than 0, not 0; the default is deadline_s = 5.0",
            "analysis.disabled_modules: should be a valid tuple, not 'b_lines'; the default is disabled_modules = []",
            "stor: unknown key; did you mean 'store'?",
        ]
    )


def test_a_problem_of_the_environment_names_the_variable(tmp_path: Path) -> None:
    told = problems(tmp_path, "", EDGE_CAD__MQTT__PORT="many", EDGE_CAD__MQTT__PROT="1", EDGE_CAD__FOO="1")
    assert told[0].startswith("environment variable EDGE_CAD__MQTT__PORT: should be a valid integer")
    assert told[1] == "environment variable EDGE_CAD__MQTT__PROT: unknown key; did you mean 'port'?"
    assert told[2].startswith("environment variable EDGE_CAD__FOO: unknown key; there are: analysis, device, log, mqtt")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('kind = "video"\n', "source.kind: 'video' is unknown; did you mean 'video_file'?"),
        (
            'kind = "telepathy"\n',
            "source.kind: 'telepathy' is unknown; "
            "there are: capture_card, stream_url, video_file, image_folder, dicom_files",
        ),
        (
            'path = "x"\n',
            "source: says no kind; choose one of: capture_card, stream_url, video_file, image_folder, dicom_files",
        ),
        ('kind = "stream_url"\nurl = "rtsp://me:secret@camera/1"\n', "source: url holds a password: use username and"),
    ],
)
def test_a_wrong_source_is_told(tmp_path: Path, text: str, told: str) -> None:
    (problem,) = problems(tmp_path, f"[source]\n{text}")
    assert problem.startswith(told)


def test_a_password_in_a_wrong_url_is_not_repeated(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, '[source]\nkind = "stream_url"\nurl = "me:secret@camera"\n')
    assert "secret" not in problem


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('username = "u"\npassword = "p"', "mqtt.password: unknown key; did you mean 'password_file'?"),
        ('password_file = "secret"', "mqtt: password_file without username: give both or none"),
        ('embedded_broker = true\nhost = "broker.local"', "mqtt: embedded_broker listens on 127.0.0.1 without tls"),
        ('report_expiry_s = 60\nversion = "3.1.1"', 'mqtt: report_expiry_s needs version = "5"'),
        ('[mqtt.tls]\ncertificate_file = "secret"', "mqtt.tls: certificate_file and key_file go together"),
        ("qos = 2", "mqtt.qos: unknown key; there are: commands, delivery, embedded_broker, further,"),
        ('[[mqtt.further]]\nhost = "h"', "mqtt.further.0.name: missing"),
        ('[[mqtt.further]]\nname = ""', "mqtt.further.0.name: String should have at least 1 character"),
        (
            '[[mqtt.further]]\nname = "a"\n[[mqtt.further]]\nname = "a"',
            "mqtt: two of the brokers in further have one name",
        ),
        ('[[mqtt.further]]\nname = "a"\nprot = 1', "mqtt.further.0.prot: unknown key; did you mean 'port'?"),
        ("tls = true", "mqtt.tls: is a section, not a value: write [mqtt.tls] and its keys below"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0o600)
    (problem,) = problems(tmp_path, f"[mqtt]\n{text}\n")
    assert problem.startswith(told)


def test_a_secret_that_everybody_can_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame")
    path = write(tmp_path, '[mqtt]\nusername = "cart"\npassword_file = "secret"\n')
    secret.chmod(0o600)
    with caplog.at_level(logging.WARNING):
        load_config(path, {})
        assert caplog.text == ""
        secret.chmod(0o644)
        load_config(path, {})
    assert f"chmod 600 {secret}" in caplog.text
    assert "open sesame" not in caplog.text


def test_a_file_that_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[mqtt]\nport = 1883\nhost = broker.local\n")
    with pytest.raises(ConfigError, match=rf"^{path}: not valid TOML: .*line 3"):
        load_config(path, {})


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "edge-cad.toml"
    path.write_bytes(b"\x00\xff\xfe")
    with pytest.raises(ConfigError, match="not a text file in UTF-8"):
        load_config(path, {})


def test_a_missing_file_is_told_with_the_way_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "edge-cad.toml"
    with pytest.raises(ConfigError, match=f"there is no such file; write one: edge-cad config example > {path}"):
        load_config(path, {})
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path, {})


def test_a_configuration_cannot_be_changed() -> None:
    config = load_config(None, {})
    with pytest.raises(ValueError, match="frozen"):
        config.mqtt.port = 1  # type: ignore[misc]


def test_page_listens_to_others_with_https_or_when_told_to(tmp_path: Path) -> None:
    assert Config().web.loopback and not Config().web.enabled
    open_to_all = '[web]\nenabled = true\nhost = "0.0.0.0"\n'
    (problem,) = problems(tmp_path, open_to_all)
    assert "without https" in problem and "allow_http" in problem
    assert load_config(write(tmp_path, f"{open_to_all}allow_http = true\n"), {}).web.enabled
    for name in ("page.pem", "page.key"):
        (tmp_path / name).write_text("a PEM file")
    (tmp_path / "page.key").chmod(0o600)
    files = 'certificate_file = "page.pem"\nkey_file = "page.key"\n'
    assert not load_config(write(tmp_path, open_to_all + files), {}).web.loopback
    (problem,) = problems(tmp_path, '[web]\ncertificate_file = "page.pem"\n')
    assert "go together" in problem
