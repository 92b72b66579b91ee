"""What the lamp shows: the real state of the service, in one of five words."""

from typing import Final

from edge_app.pipeline import Progress
from firmware_bridge.codes import Lamp

RESULT_SHOWN_S: Final = 3.0
"""How long the lamp tells of a result, unless the next one comes."""
HUNG_AFTER_S: Final = 30.0
"""A picture that is worked on for longer, beside the modules' deadline, hangs."""
CANNOT_KEEP: Final = ("full", "failed")
"""States of the store in which no report is made."""


def choose_lamp(capture: str, store: str, progress: Progress, now_s: float, deadline_s: float = 0.0) -> Lamp:
    """The lamp for the state of the service.

    Args:
        capture: State of the picture source.
        store: State of the store.
        progress: What the pipeline does.
        now_s: Monotonic clock.
        deadline_s: What a module may take.

    Returns:
        ``FAULT``: no pictures come, reports cannot be kept, or the work hangs; a person is needed. ``RESULT`` and
        ``NOT_SURE``: for three seconds after a report, whether the router accepted the picture. ``SCANNING``: pictures
        are being watched. ``OFF``: there is nothing to see on the screen, or it is starting or stopped.
    """
    busy_s = 0.0 if progress.busy_since_s is None else now_s - progress.busy_since_s
    if capture in ("lost", "stalled") or store in CANNOT_KEEP or busy_s > HUNG_AFTER_S + deadline_s:
        return Lamp.FAULT
    if capture != "running":
        return Lamp.OFF
    if progress.decision and now_s - progress.reported_s < RESULT_SHOWN_S:
        return Lamp.RESULT if progress.decision == "accepted" else Lamp.NOT_SURE
    return Lamp.SCANNING if progress.state in ("live", "still") else Lamp.OFF
