import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from brokers import Mosquitto, Subscriber, free_port, wait_for
from fakes.pictures import sector

import edge_app.app
from edge_app.analysis import Analyzer
from edge_app.app import Service
from edge_app.audit import verify
from edge_app.breaker import FAILURES, BreakerChange
from edge_app.config import Config
from edge_app.messages import Health, Report
from edge_app.parts import make_analyzer
from edge_app.sources.capture_card import CaptureCard
from edge_app.sources.fake_capture_card import FakeCaptureCard


def config(folder: Path, port: int, **sections: object) -> Config:
    return Config.model_validate(
        {
            "device": {"id": "cart-7"},
            "mqtt": {"port": port, "health_interval_s": 1},
            "store": {"path": str(folder / "store.sqlite3")},
            "analysis": {"interval_s": 0.3},
            **sections,
        }
    )


@contextmanager
def running(service: Service) -> Iterator[Service]:
    with service:
        runner = threading.Thread(target=service.run, name="service")
        runner.start()
        try:
            yield service
        finally:
            service.stop()
            runner.join(10)
            assert not runner.is_alive()


def moving_card() -> FakeCaptureCard:
    pictures = [
        cv2.cvtColor(np.roll(sector(height=480, width=640), shift, axis=0), cv2.COLOR_GRAY2BGR) for shift in range(6)
    ]
    return FakeCaptureCard([np.asarray(picture, np.uint8) for picture in pictures])


def reports_of(subscriber: Subscriber) -> list[Report]:
    return [Report.from_json(heard.body) for heard in subscriber.on("report")]


def last_health(subscriber: Subscriber) -> Health:
    return Health.from_json(subscriber.on("health")[-1].body)


def test_what_the_card_shows_is_stored_and_delivered(mosquitto: Mosquitto, tmp_path: Path) -> None:
    card = CaptureCard(moving_card(), "fake card")
    with Subscriber(mosquitto.port) as subscriber:
        with running(Service(config(tmp_path, mosquitto.port), card)) as service:
            wait_for(lambda: len(subscriber.on("report")) >= 3, "three reports arrived")
        wait_for(lambda: len(subscriber.on("report")) == service.pipeline.progress.reports, "every report arrived")
        ids = [report.report_id for report in reports_of(subscriber)]
        assert len(set(ids)) == len(ids) and ids == sorted(ids)
        assert reports_of(subscriber)[-1].scope == "clip"
        assert [json.loads(heard.body)["state"] for heard in subscriber.on("status")] == ["online", "offline"]


def test_unplugged_card_is_a_state_and_comes_back(mosquitto: Mosquitto, tmp_path: Path) -> None:
    fake = moving_card()
    card = CaptureCard(fake, "fake card", stall_s=0.5)
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(Service(config(tmp_path, mosquitto.port), card)) as service,
    ):
        wait_for(lambda: service.pipeline.progress.frames > 5, "frames came")
        fake.unplug()
        wait_for(lambda: last_health(subscriber).capture.state == "lost", "the loss was published")
        assert "plug" in last_health(subscriber).capture.reason.lower()
        before = service.pipeline.progress.frames
        fake.plug_in()
        wait_for(lambda: service.pipeline.progress.frames > before + 5, "frames came again")
        wait_for(lambda: last_health(subscriber).capture.state == "running", "the return was published")


def test_black_screen_yields_no_report_and_is_told(mosquitto: Mosquitto, tmp_path: Path) -> None:
    fake = moving_card()
    fake.go_black()
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(Service(config(tmp_path, mosquitto.port), CaptureCard(fake, "fake card"))) as service,
    ):
        wait_for(lambda: service.pipeline.progress.frames > 30, "frames came")
        wait_for(lambda: last_health(subscriber).signal.state == "blank", "the state was published")
        assert subscriber.on("report") == []


def test_good_looking_frames_without_a_signal_yield_no_report(mosquitto: Mosquitto, tmp_path: Path) -> None:
    card = CaptureCard(moving_card(), "fake card", read_signal=lambda: "absent")
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(Service(config(tmp_path, mosquitto.port), card)) as service,
    ):
        wait_for(lambda: service.pipeline.progress.frames > 30, "frames came")
        wait_for(lambda: last_health(subscriber).signal.state == "no_signal", "the state was published")
        assert subscriber.on("report") == []


def test_reports_wait_for_a_broker_that_comes_later(make_mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    broker = make_mosquitto()
    with running(Service(config(tmp_path, broker.port), CaptureCard(moving_card(), "fake card"))) as service:
        wait_for(lambda: service.store.counts().unsent >= 2, "reports wait")
        assert service.publisher.state.state in ("unreachable", "connecting")
        broker.start()
        with Subscriber(broker.port) as subscriber:
            wait_for(lambda: len(subscriber.on("report")) >= 2, "the waiting reports arrived", 20)


def test_reports_that_wait_too_long_are_shouted_about_and_everything_is_in_the_audit_log(tmp_path: Path) -> None:
    store = {"path": str(tmp_path / "store.sqlite3"), "unsent_alarm_hours": 0.0001}
    card = CaptureCard(moving_card(), "fake card")
    with running(Service(config(tmp_path, free_port(), store=store), card)) as service:
        wait_for(lambda: service.health().store.state == "overdue", "overdue")
        assert "see to broker and network" in service.health().store.reason
    reports = service.pipeline.progress.reports
    state = verify(tmp_path / "store.sqlite3")
    assert state.problems == ()
    assert state.entries == reports + 3  # the start, and what of configuration and models is new


def test_commands_take_a_picture_and_send_again(mosquitto: Mosquitto, tmp_path: Path) -> None:
    settings = config(tmp_path, mosquitto.port, analysis={"interval_s": 600})
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(Service(settings, CaptureCard(moving_card(), "fake card"))) as service,
    ):
        topic = "edge-cad/v1/cart-7/command"
        wait_for(lambda: service.pipeline.progress.frames > 3 and subscriber.on("status"), "the service runs")
        subscriber.publish(topic, json.dumps({"command": "take_picture", "command_id": "1"}))
        wait_for(lambda: len(subscriber.on("report")) == 1, "the picture was reported")
        after = datetime(2000, 1, 1, tzinfo=UTC).isoformat()
        subscriber.publish(topic, json.dumps({"command": "replay", "command_id": "2", "after": after}))
        wait_for(lambda: len(subscriber.on("report")) == 2, "it was sent again")
        first, second = reports_of(subscriber)
        assert first == second
        subscriber.publish(topic, json.dumps({"command": "set_view", "command_id": "3", "view": "apical"}))
        wait_for(lambda: sum(b"set_view" in heard.body for heard in subscriber.on("event")) == 1, "the third command")
        subscriber.publish(topic, "not a command")
        wait_for(lambda: any(b"message_refused" in heard.body for heard in subscriber.on("event")), "it was refused")


def test_command_line_ends_cleanly_on_sigterm(mosquitto: Mosquitto, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(3):
        cv2.imwrite(str(pictures / f"{number}.png"), sector(number))
    path = tmp_path / "edge-cad.toml"
    path.write_text(
        f'[device]\nid = "cart-7"\n[source]\nkind = "stream_url"\nurl = "http://127.0.0.1:{free_port()}/none"\n'
        f'[mqtt]\nport = {mosquitto.port}\n[store]\npath = "store.sqlite3"\n'
    )
    with Subscriber(mosquitto.port) as subscriber:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_app", "run", "--config", str(path)], stderr=subprocess.PIPE
        )
        wait_for(lambda: subscriber.on("status"), "the service came up", 20)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
        assert process.returncode == 0, log
        wait_for(lambda: b"offline" in subscriber.on("status")[-1].body, "it said goodbye")


def test_command_line_runs_a_folder_to_its_end(mosquitto: Mosquitto, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(3):
        cv2.imwrite(str(pictures / f"{number}.png"), sector(number))
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    path = tmp_path / "edge-cad.toml"
    path.write_text(
        f'[source]\nkind = "image_folder"\npath = "pictures"\n[mqtt]\nport = {mosquitto.port}\n'
        '[store]\npath = "store.sqlite3"\n'
    )
    with Subscriber(mosquitto.port) as subscriber:
        command = [sys.executable, "-m", "edge_app", "run", "--config", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "broken.png" in done.stderr
        wait_for(lambda: len(subscriber.on("report")) == 3, "three pictures were reported")


@pytest.mark.parametrize("name", ["image_quality", "screen_text"])
def test_disabled_module_does_not_run(name: str) -> None:
    from edge_app.app import make_registry

    everything = {module.name for module in make_registry(Config()).modules}
    fewer = make_registry(Config.model_validate({"analysis": {"disabled_modules": [name]}}))
    assert everything - {module.name for module in fewer.modules} == {name}


def test_a_module_that_is_switched_off_is_published_as_an_event_and_in_health(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Analyzer] = []

    def make(settings: Config, on_breaker: Callable[[BreakerChange], None]) -> Analyzer:
        made.append(make_analyzer(settings, on_breaker))
        return made[-1]

    monkeypatch.setattr(edge_app.app, "make_analyzer", make)
    card = CaptureCard(moving_card(), "fake card")
    with (
        Subscriber(mosquitto.port) as subscriber,
        running(Service(config(tmp_path, mosquitto.port), card)),
    ):
        for _ in range(FAILURES):
            made[0]._breakers.record("screen_text", "no answer within 5 s")
        wait_for(lambda: subscriber.on("event"), "the event arrived")
        event = json.loads(subscriber.on("event")[0].body)
        assert event["kind"] == "breaker_open" and event["details"]["module"] == "screen_text"
        wait_for(
            lambda: subscriber.on("health") and last_health(subscriber).modules.state == "reduced", "health told it"
        )
        assert last_health(subscriber).modules.unavailable == ("screen_text",)
