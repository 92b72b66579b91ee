"""The configuration: one tree, one section per concern, from a TOML file and the environment."""

import logging
import os
import socket
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from edge_app.config_problems import explain
from edge_app.errors import ConfigError
from edge_app.messages import DeviceId

ENVIRONMENT_PREFIX: Final = "EDGE_CAD__"
EXAMPLE_PATH: Final = Path(__file__).with_name("example.toml")

logger = logging.getLogger(__name__)


def _in_config_folder(path: Path, info: ValidationInfo) -> Path:
    """A relative path counts from the folder of the configuration file."""
    folder = (info.context or {}).get("folder")
    return path.expanduser() if folder is None else folder / path.expanduser()


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"there is no file {path}: create it, or correct the path")
    if not os.access(path, os.R_OK):
        raise ValueError(f"{path} cannot be read by this user: give it read permission")
    return path


def _secret(path: Path) -> Path:
    if path.stat().st_mode & stat.S_IROTH:
        logger.warning("%s holds a secret and everybody on this machine can read it: chmod 600 %s", path, path)
    return path


ConfigPath: TypeAlias = Annotated[Path, AfterValidator(_in_config_folder)]
ExistingFile: TypeAlias = Annotated[ConfigPath, AfterValidator(_existing)]
SecretFile: TypeAlias = Annotated[ExistingFile, AfterValidator(_secret)]


class Section(BaseModel):
    """Base of every section."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


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
    accept_threshold: float | None = Field(default=None, gt=0, lt=1)
    """A category is accepted from this probability on; null: what the bundle's card says."""
    reject_threshold: float | None = Field(default=None, gt=0, le=1)
    """A picture is rejected above this ``ood_score``; null: what the bundle's card says."""


class AnalysisConfig(Section):
    """The CAD modules and the process that they run in."""

    deadline_s: float = Field(default=5.0, gt=0, le=600)
    """A module that takes longer is stopped, and its entry says ``timed_out``."""
    interval_s: float = Field(default=1.0, ge=0)
    """On live video, seconds from one analysed picture to the next; 0: as often as possible."""
    disabled_modules: tuple[str, ...] = ()
    """Names of modules that never run."""


class TlsConfig(Section):
    """Encryption to the broker, and who both ends are."""

    ca_file: ExistingFile | None = None
    """Certificates (PEM) of the authority that signed the broker's; null: those of the system."""
    certificate_file: ExistingFile | None = None
    """This box's certificate (PEM), if the broker asks for one."""
    key_file: SecretFile | None = None
    """The key (PEM, without a pass phrase) of ``certificate_file``."""

    @model_validator(mode="after")
    def _certificate_with_key(self) -> "TlsConfig":
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together: give both or none")
        return self


class MqttConfig(Section):
    """The broker that reports go to; always with QoS 1."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=1883, ge=1, le=65535)
    version: Literal["5", "3.1.1"] = "5"
    embedded_broker: bool = False
    """Start a broker on this machine (package ``iotcore``), for a demo or a box without one."""
    keepalive_s: int = Field(default=30, ge=5, le=3600)
    """A broker that hangs is noticed after twice this time."""
    username: str | None = None
    password_file: SecretFile | None = None
    """Holds the password alone; line ends are cut off."""
    tls: TlsConfig | None = None
    in_flight: int = Field(default=32, ge=1, le=1000)
    """Reports on their way at the same time."""
    delivery: Literal["broker", "receipt"] = "broker"
    """When a report counts as delivered: with the broker's PUBACK, or with an application's receipt on the topic
    ``.../receipt``. mosquitto acknowledges before it has written to the disk: only a receipt survives its being
    killed."""
    receipt_timeout_s: float = Field(default=30.0, ge=1, le=3600)
    """With delivery ``receipt``: a report is sent again when no receipt came for so long; doubles up to an hour."""
    receipt_application: str | None = Field(default=None, min_length=1)
    """With delivery ``receipt``: only the receipts count that are signed with this name; null: the first that comes."""
    report_expiry_s: int | None = Field(default=None, ge=1)
    """The broker drops a report that no subscriber took for so long (MQTT 5); null: never."""
    health_interval_s: float = Field(default=30.0, ge=1)

    @model_validator(mode="after")
    def _check_combinations(self) -> "MqttConfig":
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file without username: give both or none")
        if self.embedded_broker and (self.tls is not None or self.host not in ("127.0.0.1", "localhost")):
            raise ValueError("embedded_broker listens on 127.0.0.1 without tls: remove host and tls, or the broker")
        if self.receipt_application is not None and self.delivery != "receipt":
            raise ValueError('receipt_application needs delivery = "receipt"')
        if self.report_expiry_s is not None and self.version != "5":
            raise ValueError('report_expiry_s needs version = "5"')
        return self


class StoreConfig(Section):
    """Where reports are kept until the broker has them."""

    path: ConfigPath = Path("/var/lib/edge-cad/store.sqlite3")
    evidence: Literal["picture", "none"] = "picture"
    """What is kept with a report so that it can be made again: the picture area, lossless; or nothing."""
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
    store: StoreConfig = StoreConfig()
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
