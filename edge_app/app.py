"""Builds the real parts from the configuration and joins them: the one place to swap a part."""

import contextlib
import hashlib
import importlib.metadata
import logging
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import cv2

from cad_modules.registry import Registry
from edge_app.amendments import ClockWatch
from edge_app.background import WAITING_JOBS, WAITING_WHEN_LIVE, Background
from edge_app.breaker import BreakerChange
from edge_app.commands import CommandDesk
from edge_app.config import Config
from edge_app.controller import Controller
from edge_app.errors import CameraLost, StoreUnavailable
from edge_app.heap import limit_arenas
from edge_app.keeper import Keeper
from edge_app.lamp import choose_lamp
from edge_app.messages import CaptureHealth, Command, Event, Health, Report, Status, uuid7
from edge_app.module_health import breaker_event, modules_health
from edge_app.overrides import Overrider
from edge_app.page import Page, ServiceParts
from edge_app.parts import installed_models as installed_models
from edge_app.parts import make_analyzer as make_analyzer
from edge_app.parts import make_classifier as make_classifier
from edge_app.parts import make_evidence as make_evidence
from edge_app.parts import make_page as make_page
from edge_app.parts import make_registry as make_registry
from edge_app.parts import open_source as open_source
from edge_app.parts import retention_of as retention_of
from edge_app.pipeline import Pipeline
from edge_app.publishers import Publishers
from edge_app.records import Evidence, Frame
from edge_app.seal import read_seal
from edge_app.service_health import build_health
from edge_app.sources.base import Source
from edge_app.sources.live import LiveSource
from edge_app.sources.prefetch import prefetched
from edge_app.store import Store, StoreCounts
from firmware_bridge.codes import Lamp
from firmware_bridge.port import OpenPort

log = logging.getLogger(__name__)

REOPEN_FIRST_S: Final = 0.5
REOPEN_LONGEST_S: Final = 2.0
"""Between two attempts to open a lost capture device; doubles from the first to the longest, within which its return is
noticed."""
NO_COUNTS: Final = StoreCounts(0, 0, 0, None, 0)
"""Of the store; the page counts by itself, in its own process."""


class Service:
    """The service, with its parts joined; use it as a context manager.

    Args:
        config: What to build.
        source: The pictures, instead of those that the configuration names.
        open_port: Opens the microcontroller's port, instead of the one that the configuration names.
    """

    def __init__(self, config: Config, source: Source | None = None, open_port: OpenPort | None = None) -> None:
        limit_arenas()
        self._config = config
        self._source = source or open_source(config.source)
        self._stopping = threading.Event()
        self._parts = contextlib.ExitStack()
        self.page: Page | None = None
        self._blink_until_s = 0.0
        self._capture = CaptureHealth(state="stopped")
        self._session = uuid7()
        self._started_at = datetime.now(UTC)
        registry = make_registry(config)
        for entry in registry.unusable:
            log.warning("CAD module %s cannot be used: %s", entry.name, entry.reason)
        self._models = installed_models(config, registry)
        classifier = make_classifier(config)
        try:
            retention = retention_of(config.store)
            self.store = Store(
                config.store.path,
                retention.max_bytes,
                seal=read_seal(config.store.key_file),
                destinations=config.mqtt.destinations,
            )
            self._parts.callback(self.store.close)
            for name, count in self.store.drop_other_destinations().items():
                log.warning("%d reports waited for broker %r, which is configured no more: not sent there", count, name)
            self._log_start()
            if config.mqtt.embedded_broker:
                from edge_app.broker import EmbeddedBroker

                self._parts.enter_context(EmbeddedBroker(config.mqtt.port, config.mqtt.version))
            self.publisher = Publishers(
                config.mqtt, self.store, self._status(), self.health, self._command, self._tell_page
            )
            alarm_s = config.store.unsent_alarm_hours * 3600
            self._keeper = Keeper(self.store, retention, self._stopping, self._health_changed, alarm_s)
            self._clock_watch = ClockWatch(self.store, config.device.id, self.publisher.amendment_kept)
            self._analyzer = self._parts.enter_context(make_analyzer(config, self._breaker_changed))
            self._reports = self._parts.enter_context(
                Background("reports", WAITING_WHEN_LIVE if self._source.live else WAITING_JOBS)
            )
            self.pipeline = Pipeline(
                config.device.id,
                classifier,
                registry,
                self._analyzer,
                self._keep,
                config.analysis.interval_s,
                live=self._source.live,
                evidence=make_evidence(config, self._models),
                submit=self._reports.submit,
                offer=self._reports.offer,
            )
            self._commands = CommandDesk(config.device.id, self.pipeline, self.store, self.publisher.publish_event)
            self.controller = self._make_controller(open_port)
            self.page = self._make_page(registry)
            if isinstance(self._source, LiveSource):
                self._source.on_frame = self._see
        except BaseException:
            self._parts.close()
            raise

    def __enter__(self) -> Self:
        cv2.setNumThreads(1)  # the other cores decode, run the modules and make reports
        self._analyzer.start()
        self.publisher.start()
        self._parts.callback(self.publisher.stop)
        if self.controller is not None:
            self.controller.start()
            self._parts.callback(self.controller.stop)
        if self.page is not None:
            self.page.start()
            self._parts.callback(self.page.stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    def run(self) -> None:
        """Process pictures until the source ends or ``stop`` is called; reopens a live source that is lost.

        Raises:
            SourceError: The source cannot be opened as it is.
        """
        pause_s = REOPEN_FIRST_S
        while not self._stopping.is_set():
            try:
                with self._source:
                    self._set_capture("running", "")
                    log.info("source %s: %s", self._source.name, dict(self._source.describe()))
                    frames = self._source.frames()
                    for frame in self._watched(frames if self._source.live else prefetched(frames)):
                        self.pipeline.process(frame)
                        pause_s = REOPEN_FIRST_S
                    break
            except CameraLost as error:
                log.warning("%s", error)
                self._set_capture("lost", str(error))
            finally:
                self.pipeline.close_view()
            self._stopping.wait(pause_s)
            pause_s = min(2 * pause_s, REOPEN_LONGEST_S)
        self._reports.wait()
        self._set_capture("stopped", "")

    def stop(self) -> None:
        """End ``run`` after the current picture; from any thread or a signal handler."""
        self._stopping.set()
        self._source.close()

    def health(self) -> Health:
        """How every part does now."""
        self._clock_watch.look()
        return self._health(self.store.counts())

    def _health(self, counts: StoreCounts) -> Health:
        progress = self.pipeline.progress
        return build_health(
            self._config.device.id,
            self._session,
            progress,
            self._capture,
            self._keeper.state(counts.oldest_unsent_at),
            counts,
            self.controller,
            self.publisher.state,
            self.publisher.further(),
            modules_health(self._analyzer.unavailable(), progress.skipped),
        )

    def _watched(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames; a change of what the screen shows is told to health after each."""
        state = ""
        for frame in frames:
            if not isinstance(self._source, LiveSource):
                self._see(frame)
            yield frame
            self._clock_watch.look()
            if self.controller is not None and self.controller.failed:
                raise RuntimeError(self.controller.link().reason)
            if self.publisher.failure:
                raise RuntimeError(self.publisher.failure)  # a bug ends the process; systemd starts it again
            if self.pipeline.progress.state != state:
                state = self.pipeline.progress.state
                self._health_changed()

    def _make_controller(self, open_port: OpenPort | None) -> Controller | None:
        settings = self._config.serial
        if not settings.device and open_port is None:
            return None
        controller = Controller(
            settings,
            self._config.device.id,
            self.publisher.publish_event,
            self.pipeline.take,
            self._lamp,
            self._health_changed,
            open_port,
        )
        return controller

    def _make_page(self, registry: Registry) -> Page | None:
        if not self._config.web.enabled:
            return None
        parts = ServiceParts(
            self.store,
            lambda: self._health(NO_COUNTS),
            self.pipeline.progress,
            self.publisher.publish_event,
            self.pipeline.take,
            self.pipeline.choose_category,
            self._keep,
            self._reports.submit,
            None if self.controller is None else self._blink,
        )
        return make_page(self._config, self._status(), parts, Overrider(registry, self._analyzer))

    def _see(self, frame: Frame) -> None:
        """Show a picture to those who want every one, in the thread that captures."""
        if self.controller is not None:
            self.controller.see(frame)
        if self.page is not None:
            self.page.see(frame)

    def _keep(self, report: Report, evidence: tuple[Evidence, ...] = ()) -> None:
        self._keeper.keep(report, evidence)
        if self.page is not None:
            self.page.reported(report)

    def _health_changed(self) -> None:
        self.publisher.health_changed()
        if self.page is not None:
            self.page.changed()

    def _tell_page(self, event: Event) -> None:
        if self.page is not None:
            self.page.tell(event)

    def _breaker_changed(self, change: BreakerChange) -> None:
        self.publisher.publish_event(breaker_event(self._config.device.id, change))
        self._health_changed()

    def _blink(self, seconds: float) -> bool:
        self._blink_until_s = time.monotonic() + seconds
        return self.controller is not None and self.controller.link().state == "up"

    def _lamp(self) -> Lamp:
        """What the lamp is to show now."""
        if (left_s := self._blink_until_s - time.monotonic()) > 0:
            return Lamp.RESULT if int(left_s * 4) % 2 else Lamp.OFF
        store, deadline_s = self._keeper.state(None).state, self._config.analysis.deadline_s
        return choose_lamp(self._capture.state, store, self.pipeline.progress, time.monotonic(), deadline_s)

    def _set_capture(self, state: str, reason: str) -> None:
        self._capture = CaptureHealth(state=state, reason=reason)
        self._health_changed()

    def _command(self, command: Command) -> None:
        self._commands.do(command)

    def _log_start(self) -> None:
        """Say in the audit log what runs, and what of it is another one than before."""
        version = importlib.metadata.version("edge-cad")
        config = hashlib.sha256(self._config.model_dump_json().encode()).hexdigest()
        models = {model.name: f"{model.version} {model.sha256}" for model in self._models}
        try:
            self.store.log("start", {"session": self._session, "software": f"edge-cad {version}"})
            self.store.log_change("config_changed", {"sha256": config})
            self.store.log_change("models_changed", models)
        except StoreUnavailable as error:  # a full disk is no reason not to send what is there
            log.warning("this start is not in the audit log: %s", error)

    def _status(self) -> Status:
        return Status(
            device_id=self._config.device.id,
            state="online",
            reason="",
            session=self._session,
            started_at=self._started_at,
            software=f"edge-cad {importlib.metadata.version('edge-cad')}",
            models=self._models,
        )


def run_service(config: Config) -> None:
    """``edge-cad run``: until SIGTERM, SIGINT or the end of the source."""
    with Service(config) as service:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: service.stop())
        started = time.monotonic()
        service.run()
        progress = service.pipeline.progress
        log.info("%d frames, %d reports in %.1f s", progress.frames, progress.reports, time.monotonic() - started)
