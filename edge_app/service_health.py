"""How the parts of the service do, put together."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge_app.controller import Controller
from edge_app.messages import BrokerHealth, CaptureHealth, Health, ModulesHealth, PartState, StoreHealth
from edge_app.pipeline import Progress
from edge_app.store import StoreCounts

NO_CONTROLLER: Final = PartState(state="none", reason="no controller is configured")
TEMPERATURE: Final = Path("/sys/class/thermal/thermal_zone0/temp")


def build_health(
    device_id: str,
    session: str,
    progress: Progress,
    capture: CaptureHealth,
    store: PartState,
    counts: StoreCounts,
    controller: Controller | None,
    broker: PartState,
    further_brokers: tuple[BrokerHealth, ...],
    modules: ModulesHealth,
) -> Health:
    """The health message, now."""
    return Health(
        device_id=device_id,
        session=session,
        at=datetime.now(UTC),
        signal=PartState(state=progress.state, reason=progress.reason),
        capture=capture.model_copy(update={"frames": progress.frames, "dropped": progress.dropped}),
        store=StoreHealth(
            state=store.state,
            reason=store.reason,
            reports=counts.reports,
            unsent=counts.unsent,
            refused=counts.refused,
            oldest_unsent_at=counts.oldest_unsent_at,
        ),
        link=NO_CONTROLLER if controller is None else controller.link(),
        controller=None if controller is None else controller.health(),
        broker=broker,
        further_brokers=further_brokers,
        modules=modules,
        temperature=_temperature(),
    )


def _temperature() -> float | None:
    """Of the processor, in degrees Celsius."""
    try:
        return int(TEMPERATURE.read_text()) / 1000
    except (OSError, ValueError):
        return None
