"""What the page's process has to know."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_app.messages import Status


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Plain values, taken from the configuration by ``__main__``."""

    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    certificate_file: Path | None
    key_file: Path | None
    accounts_path: Path
    session_s: float
    metrics_token: str | None
    store_path: Path
    unsent_alarm_s: float
    """A report that waits longer to be sent is shouted about."""
    status: Status
    """Who this box is, with its models."""
    config: dict[str, Any]
    """The whole configuration, to be shown; it holds no secrets, only paths to them."""

    @property
    def secure(self) -> bool:
        """Whether the page is served by https."""
        return self.certificate_file is not None
