"""The configuration: one tree, one section per concern, from a TOML file and the environment."""

import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, ValidationError, model_validator

from edge_app.config_mqtt import BrokerConfig as BrokerConfig
from edge_app.config_mqtt import MqttConfig as MqttConfig
from edge_app.config_mqtt import TlsConfig as TlsConfig
from edge_app.config_problems import explain
from edge_app.config_section import ConfigPath, ExistingFile, SecretFile, Section
from edge_app.config_serial import SerialConfig as SerialConfig
from edge_app.config_web import WebConfig as WebConfig
from edge_app.errors import ConfigError
from edge_app.messages import DeviceId

ENVIRONMENT_PREFIX: Final = "EDGE_CAD__"
EXAMPLE_PATH: Final = Path(__file__).with_name("example.toml")


def _device_id_of_host() -> str:
    name = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "-" for letter in _host())
    return name[:64] or "edge-cad"


def _host() -> str:
    return socket.gethostname().split(".")[0]


class DeviceConfig(Section):
    """Who this box is."""

    id: DeviceId = Field(default_factory=_device_id_of_host)
    """Names the box in topics and reports; no two boxes on one broker may share it. Default: the host name."""


class CaptureCardSource(Section):
    """A capture card at the video output of the machine."""

    kind: Literal["capture_card"] = "capture_card"
    device: str = "/dev/video0"
    width: int = Field(default=1920, gt=0)
    """Pixels asked of the card; it may give others, which is said at start."""
    height: int = Field(default=1080, gt=0)
    frames_per_second: float = Field(default=30.0, gt=0)
    pixel_format: str = Field(default="", max_length=4)
    """``MJPG``, ``YUYV`` ...; many USB cards give 1080p only as MJPG. Empty: what the card likes."""


class StreamUrlSource(Section):
    """A network stream, as rtsp:// or http://."""

    kind: Literal["stream_url"]
    url: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*://")
    username: str | None = None
    password_file: SecretFile | None = None

    @model_validator(mode="after")
    def _no_credentials_in_url(self) -> "StreamUrlSource":
        if "@" in self.url.split("/")[2]:
            raise ValueError("url holds a password: use username and password_file")
        return self


class VideoFileSource(Section):
    """A recorded video."""

    kind: Literal["video_file"]
    path: ExistingFile


class ImageFolderSource(Section):
    """A folder of pictures (PNG, JPEG, BMP, TIFF), in the order of their names."""

    kind: Literal["image_folder"]
    path: ConfigPath


class DicomFilesSource(Section):
    """A DICOM file, or a folder of them."""

    kind: Literal["dicom_files"]
    path: ConfigPath


SourceConfig: TypeAlias = Annotated[
    CaptureCardSource | StreamUrlSource | VideoFileSource | ImageFolderSource | DicomFilesSource,
    Field(discriminator="kind"),
]


class RouterConfig(Section):
    """The network that finds out what a picture shows."""

    bundle: str = "router"
    """Name of the model bundle."""
    bundle_folders: tuple[ConfigPath, ...] = ()
    """Searched for model bundles before the built-in ones."""
    head: Literal["softmax", "svm"] = "softmax"
    """What turns the network's features into scores: its own SoftMax, or a support vector machine."""
    coverage: float | None = Field(default=None, ge=0.5, lt=1)
    """Share of each category's pictures whose prediction set holds it; one category in the set: accepted, two:
    ambiguous, more: rejected; null: what the bundle's card says."""
    accept_threshold: float | None = Field(default=None, gt=0, lt=1)
    """Instead of ``coverage``: a category is accepted from this probability on; null: ``coverage`` decides."""
    reject_threshold: float | None = Field(default=None, gt=0, le=1)
    """A picture is rejected above this ``ood_score``; null: what the bundle's card says."""


class AnalysisConfig(Section):
    """The CAD modules and the process that they run in."""

    deadline_s: float = Field(default=5.0, gt=0, le=600)
    """A module that takes longer is stopped, and its entry says ``timed_out``."""
    report_deadline_s: float = Field(default=30.0, gt=0, le=3600)
    """Modules of a report that are left after this time are skipped, and come first the next time."""
    memory_mb: int = Field(default=1000, ge=100)
    """Memory that modules may take together, beyond the process they run in."""
    interval_s: float = Field(default=1.0, ge=0)
    """On live video, seconds from one analysed picture to the next; 0: as often as possible."""
    disabled_modules: tuple[str, ...] = ()
    """Names of modules that never run."""


class StoreConfig(Section):
    """Where reports are kept until the broker has them."""

    path: ConfigPath = Path("/var/lib/edge-cad/store.sqlite3")
    evidence: Literal["picture", "none"] = "picture"
    """What is kept with a report so that it can be made again: the picture area, lossless; or nothing."""
    max_size_mb: int = Field(default=8000, ge=10)
    """What was delivered makes room, oldest first, before this is reached; where that does not help, no report is made
    until there is room: nothing unsent is dropped."""
    keep_sent_days: float = Field(default=90.0, ge=0)
    """Delivered reports are dropped after so long; only while the clock is known to be right."""
    keep_evidence_days: float = Field(default=7.0, ge=0)
    """The same for the pictures kept with them."""
    unsent_alarm_hours: float = Field(default=24.0, gt=0)
    """Health says ``overdue`` when a report waits longer than this to be delivered."""
    key_file: SecretFile | None = None
    """Encrypts the kept pictures (package ``cryptography``): a line of 32 bytes in base64, as ``openssl rand -base64
    32`` writes it. Older keys may follow in further lines, for the pictures kept with them; null: not encrypted."""
    mask_text: bool = True
    """Blacken the text found in a kept picture. A picture in which nothing looked for text is then not kept."""


class LogConfig(Section):
    """What is logged, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Section):
    """The whole configuration."""

    device: DeviceConfig = Field(default_factory=DeviceConfig)
    source: SourceConfig = CaptureCardSource()
    router: RouterConfig = RouterConfig()
    analysis: AnalysisConfig = AnalysisConfig()
    mqtt: MqttConfig = MqttConfig()
    serial: SerialConfig = SerialConfig()
    store: StoreConfig = StoreConfig()
    web: WebConfig = WebConfig()
    log: LogConfig = LogConfig()


def example_text() -> str:
    """A complete, commented configuration file."""
    return EXAMPLE_PATH.read_text(encoding="utf-8")


def load_config(path: Path | None, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration.

    Args:
        path: A TOML file; None: defaults and environment alone.
        environment: ``EDGE_CAD__MQTT__PORT=1884`` replaces ``port`` in ``[mqtt]``; a list is written as in TOML.

    Raises:
        ConfigError: The text lists every problem with file, key and the way out.
    """
    tree = {} if path is None else _read_toml(path)
    variables = _apply_environment(tree, environment)
    try:
        return Config.model_validate(tree, context={"folder": None if path is None else path.absolute().parent})
    except ValidationError as error:
        problems = [
            explain(Config, details, str(path or "default configuration"), variables)
            for details in error.errors(include_url=False)
        ]
        raise ConfigError(
            "\n".join((*problems, "`edge-cad config example` prints every key with its meaning"))
        ) from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file; write one: edge-cad config example > {path}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file in UTF-8 (byte {error.start}): save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f'{path}: not valid TOML: {error}; text needs quotes, as in host = "broker.local"') from error


def _apply_environment(tree: dict[str, Any], environment: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Put the variables into the tree; returns which variable each key came from."""
    origin: dict[tuple[str, ...], str] = {}
    for variable in sorted(name for name in environment if name.startswith(ENVIRONMENT_PREFIX)):
        keys = tuple(variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
        section = tree
        for key in keys[:-1]:
            section = section.setdefault(key, {})
            if not isinstance(section, dict):
                raise ConfigError(f"environment variable {variable}: {key!r} is not a section")
        section[keys[-1]] = _environment_value(environment[variable])
        origin[keys] = variable
    return origin


def _environment_value(text: str) -> Any:
    if not text.startswith("["):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
