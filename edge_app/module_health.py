"""What is told of the CAD modules: in health, and as events."""

from collections.abc import Mapping
from datetime import UTC, datetime

from edge_app.breaker import BreakerChange
from edge_app.messages import Event, ModulesHealth


def modules_health(unavailable: Mapping[str, str], skipped: int) -> ModulesHealth:
    """How the modules do.

    Args:
        unavailable: Those that are switched off -> why.
        skipped: Pictures that were due but not analysed.
    """
    reason = "; ".join(f"{name} is switched off: {why}" for name, why in unavailable.items())
    return ModulesHealth(
        state="reduced" if unavailable else "ok", reason=reason, unavailable=tuple(unavailable), skipped=skipped
    )


def breaker_event(device_id: str, change: BreakerChange) -> Event:
    """``breaker_open`` or ``breaker_closed``, as it is published."""
    then = f"; it is tried again in {change.pause_s:g} s" if change.open else ""
    return Event(
        device_id=device_id,
        at=datetime.now(UTC),
        kind="breaker_open" if change.open else "breaker_closed",
        text=f"{change.module} {'is switched off: ' if change.open else ''}{change.reason}{then}",
        details={"module": change.module, "pause_s": change.pause_s},
    )
