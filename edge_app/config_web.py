"""The section [web]: the operator's page."""

from ipaddress import ip_address

from pydantic import Field, model_validator

from edge_app.config_section import ConfigPath, ExistingFile, SecretFile, Section

LOOPBACK_NAMES = ("localhost", "ip6-localhost")


class WebConfig(Section):
    """The operator's page; needs ``pip install 'edge-cad[web]'``."""

    enabled: bool = False
    """Serve the page."""
    host: str = Field(default="127.0.0.1", min_length=1)
    """The address to listen at: this machine alone, unless it is changed; ``0.0.0.0``: every one of this machine's."""
    port: int = Field(default=8080, ge=0, le=65535)
    """0: a free one, which the log names."""
    allowed_hosts: tuple[str, ...] = ()
    """Names under which the page is called, beside this machine's own name and addresses: requests to other names are
    refused."""
    certificate_file: ExistingFile | None = None
    """Certificate (PEM, with those between) for https."""
    key_file: SecretFile | None = None
    """The key (PEM, without a pass phrase) of ``certificate_file``."""
    allow_http: bool = False
    """Let people sign in over an unencrypted network; anybody in it can read along. Not needed at 127.0.0.1."""
    accounts_path: ConfigPath | None = None
    """SQLite file with the accounts; null: ``accounts.sqlite3`` beside the store."""
    session_hours: float = Field(default=12.0, gt=0, le=24 * 31)
    """Who does nothing for so long has to sign in again."""
    metrics_token_file: SecretFile | None = None
    """Holds a token with which ``/metrics`` can be read from elsewhere (``Authorization: Bearer``); null: only on this
    machine, and by technicians."""

    @model_validator(mode="after")
    def _check_combinations(self) -> "WebConfig":
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together: give both or none")
        if self.enabled and not self.loopback and self.certificate_file is None and not self.allow_http:
            raise ValueError(
                f"host {self.host} without https: give certificate_file and key_file, or set allow_http = true if "
                "everybody in that network may read along"
            )
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() in LOOPBACK_NAMES
