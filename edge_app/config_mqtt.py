"""The section [mqtt]: the broker that reports go to."""

from typing import Literal, Self

from pydantic import Field, model_validator

from edge_app.config_section import ExistingFile, SecretFile, Section
from edge_app.identifiers import MAIN


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


class BrokerConfig(Section):
    """A broker, and how reports go to it; always with QoS 1."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=1883, ge=1, le=65535)
    version: Literal["5", "3.1.1"] = "5"
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
    order: Literal["oldest", "urgent"] = "oldest"
    """What goes first: the oldest report; or, of those that a person asked for (foot switch, freeze, exposure, button),
    the newest, then the others in their order. Receivers put them in order by the reports' ``clock``."""
    commands: bool = True
    """Do what comes on the topic ``.../command`` there."""
    report_expiry_s: int | None = Field(default=None, ge=1)
    """The broker drops a report that no subscriber took for so long (MQTT 5); null: never."""
    health_interval_s: float = Field(default=30.0, ge=1)

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file without username: give both or none")
        if self.receipt_application is not None and self.delivery != "receipt":
            raise ValueError('receipt_application needs delivery = "receipt"')
        if self.report_expiry_s is not None and self.version != "5":
            raise ValueError('report_expiry_s needs version = "5"')
        return self


class FurtherBroker(BrokerConfig):
    """Another broker that gets every report too, with its own place in the outbox."""

    name: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_.-]+$")
    """Of this destination, in health and logs; one that is renamed begins anew."""


class MqttConfig(BrokerConfig):
    """Where reports go to."""

    embedded_broker: bool = False
    """Start a broker on this machine (package ``iotcore``), for a demo or a box without one."""
    further: tuple[FurtherBroker, ...] = ()
    """Other brokers, such as the clinic's beside one in the box: one that is away holds up none of the others."""

    @model_validator(mode="after")
    def _check_brokers(self) -> Self:
        if self.embedded_broker and (self.tls is not None or self.host not in ("127.0.0.1", "localhost")):
            raise ValueError("embedded_broker listens on 127.0.0.1 without tls: remove host and tls, or the broker")
        names = [broker.name for broker in self.further]
        if len(set(names)) < len(names):
            raise ValueError(f"two of the brokers in further have one name ({', '.join(names)}): rename one")
        return self

    @property
    def destinations(self) -> dict[str, BrokerConfig]:
        """Every broker by name; that of this section has none."""
        return {MAIN: self, **{broker.name: broker for broker in self.further}}
