"""The process that is killed: the service under load, which writes down each report that its store acknowledged.

    python service.py outbox CONFIG ACKNOWLEDGED RUN     # Store and Publisher as app.py joins them; reports come fast
    python service.py analysing CONFIG ACKNOWLEDGED RUN  # the whole service: `edge-cad run`
    python service.py drain CONFIG ACKNOWLEDGED RUN      # Store and Publisher; no new reports

A report's id is appended to ACKNOWLEDGED after ``Store.put`` has returned, by one ``write`` to a file opened with
O_APPEND: what is there was promised. SIGTERM ends it well.
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from edge_app.config import load_config
from edge_app.messages import (
    CaptureHealth,
    ClassificationInfo,
    FrameInfo,
    Health,
    ModelInfo,
    PartState,
    Report,
    Status,
    StoreHealth,
    uuid7,
)
from edge_app.publisher import Publisher
from edge_app.store import Evidence, Store

LARGEST_BACKLOG: Final = 3000
"""With more unsent reports than this no new ones are made: an outage must end some time."""
BURST: Final = 12
"""Reports made one after the other; then comes a short pause."""
LONGEST_PAUSE_S: Final = 0.05
MODEL: Final = ModelInfo(name="router", version="0", sha256="0" * 64)
SESSION: Final = uuid7()


def write_down_acknowledged(path: Path) -> None:
    """Append the id of each report to a file once ``Store.put`` has returned."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    put = Store.put

    def put_and_write_down(self: Store, report: Report, evidence: Sequence[Evidence] = ()) -> None:
        put(self, report, evidence)
        os.write(file, f"{report.report_id}\n".encode())

    Store.put = put_and_write_down  # type: ignore[method-assign]


def pattern_report(device_id: str, run: str) -> Report:
    """A report that could have come from a box; made up."""
    now = datetime.now(UTC)
    return Report(
        device_id=device_id,
        created_at=now,
        scope="frame",
        source=run,
        frame=FrameInfo(sequence=0, captured_at=now, width=640, height=480, sha256="0" * 64),
        classification=ClassificationInfo(
            decision="rejected",
            reason="made up",
            prediction_set=(),
            ood_score=1.0,
            scores=(),
            head="softmax",
            model=MODEL,
        ),
        analyses=(),
        timing_ms={},
    )


def online_status(device_id: str) -> Status:
    """The birth of a session."""
    return Status(
        device_id=device_id,
        state="online",
        reason="",
        session=SESSION,
        started_at=datetime.now(UTC),
        software="edge-cad tools",
        models=(MODEL,),
    )


def health_of(store: Store, publisher: Publisher, device_id: str) -> Health:
    """How store and publisher do."""
    counts = store.counts()
    return Health(
        device_id=device_id,
        session=SESSION,
        at=datetime.now(UTC),
        signal=PartState(state="live"),
        capture=CaptureHealth(state="running"),
        store=StoreHealth(state="ok", reports=counts.reports, unsent=counts.unsent, refused=counts.refused),
        link=PartState(state="none"),
        broker=publisher.state,
    )


def drive_store_and_publisher(config_path: Path, run: str, stopping: threading.Event, load: bool) -> None:
    """Put reports and publish them until told to stop."""
    config = load_config(config_path)
    device_id = config.device.id
    store = Store(config.store.path)
    publisher = Publisher(
        config.mqtt,
        store,
        online_status(device_id),
        lambda: health_of(store, publisher, device_id),
        shortest_pause_s=0.05,
        longest_pause_s=0.4,
    )
    publisher.start()
    pattern = pattern_report(device_id, run)
    assert pattern.frame is not None
    sequence = 0
    while not stopping.is_set():
        if load and store.counts().unsent < LARGEST_BACKLOG:
            for _ in range(BURST):
                frame = pattern.frame.model_copy(update={"sequence": sequence})
                report = {"report_id": uuid7(), "created_at": datetime.now(UTC), "frame": frame}
                store.put(pattern.model_copy(update=report))
                sequence += 1
        time.sleep(random.uniform(0, LONGEST_PAUSE_S))
    publisher.stop()
    store.close()


def main() -> None:
    """Read the command line and run until SIGTERM or SIGKILL."""
    what, config_path, acknowledged, run = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    write_down_acknowledged(acknowledged)
    if what == "analysing":
        from edge_app.app import run_service

        run_service(load_config(config_path))
        return
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    drive_store_and_publisher(config_path, run, stopping, load=what == "outbox")


if __name__ == "__main__":
    main()
