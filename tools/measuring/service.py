"""The whole service on a clip, measured in a process of its own."""

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import psutil  # type: ignore[import-untyped]

from edge_app import screen
from edge_app.app import Service
from edge_app.config import Config
from edge_app.pipeline import Pipeline
from edge_app.records import Frame
from edge_app.sources.prefetch import prefetched
from edge_app.sources.video_file import VideoFile

LIVE_TIMES: Final = 3
"""The clip is played so many times as live, so that several seconds pass."""


class LiveClip:
    """A clip played as a capture card would give it: over and over, every frame stamped when it comes."""

    live, name = True, "clip"

    def __init__(self, clip: Path) -> None:
        self._clip = clip

    def __enter__(self) -> "LiveClip":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held between frames."""

    def describe(self) -> dict[str, str | int | float]:
        """What is played, and how often."""
        return {"kind": "live clip", "times": LIVE_TIMES}

    def frames(self) -> Iterator[Frame]:
        """Decoded ahead in a thread, as a capture card's are."""
        return prefetched(self._stamped())

    def _stamped(self) -> Iterator[Frame]:
        sequence = 0
        for _ in range(LIVE_TIMES):
            with VideoFile(self._clip) as source:
                for frame in source.frames():
                    yield replace(frame, sequence=sequence, clip_id="live", time_s=time.monotonic())
                    sequence += 1


def service_run(program: str, clip: Path, interval_s: float, live: bool = False) -> dict[str, object]:
    """One run of the service on the clip: frames per second, stages, memory.

    Args:
        program: Calls ``service_process`` with these arguments, in a process of its own.
        clip: What to play.
        interval_s: Between two pictures for the modules.
        live: As a capture card would give it.
    """
    command = [sys.executable, program, "--service", str(clip), "--interval", str(interval_s)]
    command += ["--live"] if live else []
    output = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(output.stdout.splitlines()[-1]))


def service_process(clip: Path, interval_s: float, live: bool) -> None:
    """The child: the service as ``edge-cad run`` builds it, with stages timed; prints JSON."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Config.model_validate(
            {
                "device": {"id": "benchmark"},
                "source": {"kind": "video_file", "path": str(clip)},
                "mqtt": {"embedded_broker": True, "port": free_port()},
                "store": {"path": f"{folder}/store.sqlite3"},
                "analysis": {"interval_s": interval_s},
            }
        )
        with Service(settings, LiveClip(clip) if live else None) as service:
            watch = StageWatch(service.pipeline)
            started = time.perf_counter()
            service.run()
            ended = time.perf_counter()
            frames_ended = watch.clip_began or ended
            tree = [psutil.Process(), *psutil.Process().children(recursive=True)]
            peak = peak_rss_mb()
            pss = {str(process.pid): process.memory_full_info().pss / 1e6 for process in tree}
        progress = service.pipeline.progress
        print(
            json.dumps(
                {
                    "fps": progress.frames / (frames_ended - started),
                    "closing_s": round(ended - frames_ended, 3),
                    "frames": progress.frames,
                    "reports": progress.reports,
                    "stages_ms": watch.spreads(),
                    "peak_rss_mb": round(peak, 1),
                    "pss_mb_all_processes": round(sum(pss.values()), 1),
                    "processes": len(pss),
                }
            )
        )


class StageWatch:
    """Times the stages of a pipeline from outside."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.clip_began = 0.0
        """When the report on the whole clip was begun; those on frames were all made before."""
        self._wrap(screen, "look", "screen")
        self._wrap(pipeline._classifier, "classify", "classify")
        self._wrap(pipeline._analyzer, "analyze", "analyze")
        self._wrap(pipeline, "_deliver", "store")
        self._wrap(pipeline, "_make_clip_report", "clip")

    def _wrap(self, owner: object, name: str, stage: str) -> None:
        inner = getattr(owner, name)
        taken = self.seconds.setdefault(stage, [])

        def timed(*arguments: object) -> object:
            started = time.perf_counter()
            if stage == "clip":
                self.clip_began = started
            try:
                return inner(*arguments)
            finally:
                taken.append(time.perf_counter() - started)

        setattr(owner, name, timed)

    def spreads(self) -> dict[str, dict[str, float]]:
        """Of every stage that ran."""
        return {stage: spread(values) for stage, values in self.seconds.items() if values}


def free_port() -> int:
    """A port of the loopback interface that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def peak_rss_mb() -> float:
    """Largest resident set of this process so far."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1000


def spread(seconds: list[float]) -> dict[str, float]:
    """Median and 99th percentile, in milliseconds."""
    return {
        "median": round(float(np.median(seconds)) * 1000, 3),
        "p99": round(float(np.percentile(seconds, 99)) * 1000, 3),
    }
