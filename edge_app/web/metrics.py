"""``/metrics``: figures in the text format of Prometheus; ids and counts alone, nothing of patients or people."""

from typing import Final

from edge_app.web.desk import Desk
from edge_app.web.shapes import LiveState

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def metrics_text(desk: Desk, state: LiveState) -> str:
    """The figures of now."""
    store, capture = state.store, state.capture
    figures: list[tuple[str, str, str, float | None]] = [
        ("edge_cad_up", "gauge", "1 while the service answers", float(state.service.state == "running")),
        ("edge_cad_frames_total", "counter", "Pictures looked at", capture.frames),
        ("edge_cad_frames_dropped_total", "counter", "Pictures that the source had to drop", capture.dropped),
        ("edge_cad_frames_per_second", "gauge", "Pictures looked at each second", state.frames_per_second),
        ("edge_cad_signal_present", "gauge", "1 while there is a picture", float(_looks(state))),
        ("edge_cad_capture_running", "gauge", "1 while pictures come", float(capture.state == "running")),
        ("edge_cad_broker_connected", "gauge", "1 while the broker is there", float(state.broker.state == "connected")),
        ("edge_cad_store_ok", "gauge", "1 while reports can be kept", float(store.state == "ok")),
        ("edge_cad_reports", "gauge", "Reports in the store", store.reports),
        ("edge_cad_reports_unsent", "gauge", "Reports that wait to be sent", store.unsent),
        ("edge_cad_reports_refused", "gauge", "Reports that the broker will not take", store.refused),
        ("edge_cad_oldest_unsent_seconds", "gauge", "Age of the report that waits longest", _oldest_s(state)),
        ("edge_cad_modules_ok", "gauge", "1 while no CAD module is switched off", _modules_ok(state)),
        ("edge_cad_clock_trusted", "gauge", "1 while the clock is right", float(state.clock_trusted)),
        ("edge_cad_temperature_celsius", "gauge", "Of the processor", state.temperature),
        (
            "edge_cad_disk_free_bytes",
            "gauge",
            "Where the store is",
            None if state.disk is None else state.disk.free_bytes,
        ),
        ("edge_cad_page_viewers", "gauge", "Who look at the live picture", desk.pictures.viewers),
        ("edge_cad_page_streams", "gauge", "Who listen for events", desk.streams),
    ]
    lines = []
    for name, kind, meaning, value in figures:
        if value is not None:
            lines += [f"# HELP {name} {meaning}.", f"# TYPE {name} {kind}", f"{name} {float(value):.15g}"]
    labels = f'device="{state.device_id}",software="{state.software}"'  # neither can hold a quote
    lines += ["# HELP edge_cad_info What runs.", "# TYPE edge_cad_info gauge", f"edge_cad_info{{{labels}}} 1"]
    return "\n".join(lines) + "\n"


def _looks(state: LiveState) -> bool:
    return state.signal.state in ("live", "still")


def _modules_ok(state: LiveState) -> float | None:
    return None if state.modules is None else float(state.modules.state == "ok")


def _oldest_s(state: LiveState) -> float:
    oldest = state.store.oldest_unsent_at
    return 0.0 if oldest is None else max(0.0, (state.at - oldest).total_seconds())
