"""The microcontroller in the service: events, pictures, lamp, health."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from brokers import Mosquitto, Subscriber, wait_for
from fakes.pictures import sector

from edge_app.app import Service
from edge_app.config import Config, SerialConfig
from edge_app.controller import Controller, controller_settings
from edge_app.messages import Event, Health, Report, Trigger
from edge_app.records import Frame
from edge_app.sources.capture_card import CaptureCard
from edge_app.sources.fake_capture_card import FakeCaptureCard
from firmware_bridge.bridge import Bridge
from firmware_bridge.codes import Lamp, PinRole
from firmware_bridge.fake_mcu import FakeMicrocontroller
from firmware_bridge.settings import PinSettings

FOOT, FREEZE, EXPOSURE, PROBE = range(4)
FRAME_S = 0.02


@pytest.fixture
def board() -> Iterator[FakeMicrocontroller]:
    with FakeMicrocontroller() as made:
        yield made


class Box:
    """A controller with the service's other parts faked, and a camera of 50 pictures per second."""

    def __init__(self, board: FakeMicrocontroller, config: SerialConfig | None = None) -> None:
        self.events: list[Event] = []
        self.taken: list[tuple[Frame, Trigger]] = []
        self.frames: list[Frame] = []
        self.changes = 0
        self.controller = Controller(
            config or SerialConfig(switch_debounce_ms=5),
            "cart-7",
            self.events.append,
            lambda taken, trigger: self.taken.append((taken, trigger)),
            lambda: Lamp.SCANNING,
            self._changed,
            board.open_port,
        )
        self._stopping = threading.Event()
        self._camera = threading.Thread(target=self._film, name="camera")
        self.filming = True

    def __enter__(self) -> "Box":
        self.controller.start()
        self._camera.start()
        wait_for(lambda: self.controller.link().state == "up" and len(self.frames) > 3, "up")
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._camera.join()
        self.controller.stop()

    def kinds(self) -> list[str]:
        return [str(event.details["event"]) for event in self.events if event.kind != "controller_temperature"]

    def _changed(self) -> None:
        self.changes += 1

    def _film(self) -> None:
        pixels = np.zeros((48, 64), np.uint8)
        while not self._stopping.wait(FRAME_S):
            if self.filming:
                made = Frame(pixels.copy(), len(self.frames), time.monotonic_ns(), datetime.now(UTC), "camera", "live")
                self.frames.append(made)
                self.controller.see(made)


def test_freeze_takes_the_nearest_picture_and_says_how_near(board: FakeMicrocontroller) -> None:
    with Box(board) as box:
        for number in range(1, 6):
            time.sleep(0.033)
            before_ns = time.monotonic_ns()
            board.press(FREEZE)
            pressed_ns = (before_ns + time.monotonic_ns()) // 2
            wait_for(lambda number=number: len(box.taken) == number, "the picture was taken")  # type: ignore[misc]
            board.release(FREEZE)
            taken, trigger = box.taken[-1]
            nearest = min(box.frames, key=lambda made: abs(made.captured_ns - pressed_ns))
            assert abs(taken.sequence - nearest.sequence) <= 1
            assert trigger.event == "freeze_on"
            assert abs(trigger.offset_ms - (taken.captured_ns - pressed_ns) / 1e6) <= trigger.uncertainty_ms + 2
            wait_for(lambda number=number: box.kinds().count("freeze_off") == number, "released")  # type: ignore[misc]
        event = next(event for event in box.events if event.event_id == box.taken[0][1].event_id)
        assert event.kind == "freeze" and event.text == "the picture was frozen"
        assert event.details["uncertainty_ms"] == box.taken[0][1].uncertainty_ms


def test_every_event_is_a_message_and_only_some_take_a_picture(board: FakeMicrocontroller) -> None:
    with Box(board, SerialConfig(switch_debounce_ms=5, take_picture_on=("exposure_start",))) as box:
        for pin in (FOOT, EXPOSURE, PROBE):
            board.press(pin)
            time.sleep(0.05)
            board.release(pin)
            time.sleep(0.05)
        wait_for(lambda: "probe_disconnected" in box.kinds(), "all events came")
        wait_for(lambda: box.taken, "the exposure's picture was taken")
        assert box.kinds() == [
            "foot_switch_press", "exposure_start", "exposure_end", "probe_connected", "probe_disconnected",
        ]  # fmt: skip
        assert [trigger.event for _, trigger in box.taken] == ["exposure_start"]
        ended = next(event for event in box.events if event.details["event"] == "exposure_end")
        assert ended.kind == "exposure" and 30 <= int(ended.details["length_ms"]) <= 500


def test_event_without_a_picture_is_told(board: FakeMicrocontroller) -> None:
    with Box(board) as box:
        box.filming = False
        time.sleep(0.7)
        board.press(FOOT)
        wait_for(lambda: any(event.kind == "no_picture" for event in box.events), "it was told")
        board.release(FOOT)
        told = next(event for event in box.events if event.kind == "no_picture")
        pressed = next(event for event in box.events if event.kind == "foot_switch")
        assert told.details == {"event": "foot_switch_press", "event_id": pressed.event_id}
        assert box.taken == []


def test_delay_of_the_capture_is_taken_off(board: FakeMicrocontroller) -> None:
    with Box(board, SerialConfig(picture_delay_ms=800)) as box:
        time.sleep(0.1)
        pressed_ns = time.monotonic_ns()
        board.press(FREEZE)
        wait_for(lambda: box.taken, "the picture was taken")
        board.release(FREEZE)
        assert 750 < (box.taken[0][0].captured_ns - pressed_ns) / 1e6 < 850


def test_missing_controller_is_a_state(board: FakeMicrocontroller) -> None:
    with Box(board) as box:
        before = box.changes
        board.unplug()
        wait_for(lambda: box.controller.link().state == "down", "down")
        assert "unplugged" in box.controller.link().reason
        assert not box.controller.failed
        assert box.changes > before
        board.plug_in()
        wait_for(lambda: box.controller.link().state == "up", "up again")
        health = box.controller.health()
        assert health.firmware == "fake 1.0.0" and health.resets == 1 and health.battery is None


def test_pins_are_told_as_configured() -> None:
    config = SerialConfig(pins=("freeze", "none", "probe"), active_high_pins=(0,), line_debounce_ms=3, hold_ms=500)
    settings = controller_settings(config)
    assert settings.pins == (
        PinSettings(PinRole.FREEZE, False, 3),
        PinSettings(PinRole.NONE, True, 20),
        PinSettings(PinRole.PROBE, True, 20),
    )
    assert (settings.hold_ms, settings.double_press_ms) == (500, 400)


@pytest.mark.parametrize("device", ["auto", "usb:2341:0043", "usb:2341:0043:A1", "/dev/ttyACM0", ""])
def test_devices_that_can_be_named(device: str) -> None:
    assert SerialConfig(device=device).device == device


@pytest.mark.parametrize("values", [{"device": "ttyACM0"}, {"device": "usb:23:45"}, {"active_high_pins": [5]}])
def test_mistakes_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"device|active_high_pins"):
        SerialConfig.model_validate(values)


def moving_card() -> FakeCaptureCard:
    picture = np.repeat(sector(height=480, width=640)[:, :, None], 3, axis=2)
    return FakeCaptureCard([np.roll(picture, shift, axis=0) for shift in range(6)])


def service(folder: Path, port: int, board: FakeMicrocontroller, card: FakeCaptureCard) -> Service:
    config = Config.model_validate(
        {
            "device": {"id": "cart-7"},
            "mqtt": {"port": port, "health_interval_s": 1},
            "store": {"path": str(folder / "store.sqlite3")},
            "analysis": {"interval_s": 600},
        }
    )
    return Service(config, CaptureCard(card, "fake card", stall_s=0.5), board.open_port)


def test_service_reports_the_picture_of_the_event_and_shows_its_state(
    mosquitto: Mosquitto, tmp_path: Path, board: FakeMicrocontroller
) -> None:
    card = moving_card()
    with Subscriber(mosquitto.port) as subscriber, service(tmp_path, mosquitto.port, board, card) as running:
        runner = threading.Thread(target=running.run, name="service")
        runner.start()
        try:
            wait_for(lambda: board.lamp == Lamp.SCANNING, "the lamp says scanning")
            board.press(FREEZE)
            wait_for(lambda: subscriber.on("report"), "the report came")
            board.release(FREEZE)
            report = Report.from_json(subscriber.on("report")[0].body)
            assert report.trigger is not None and report.trigger.event == "freeze_on"
            assert abs(report.trigger.offset_ms) <= 34 + report.trigger.uncertainty_ms
            wait_for(
                lambda: (
                    report.trigger is not None
                    and any(report.trigger.event_id.encode() in heard.body for heard in subscriber.on("event"))
                ),
                "the event came too",
            )
            expected = Lamp.RESULT if report.classification.decision == "accepted" else Lamp.NOT_SURE
            wait_for(lambda: board.lamp == expected, "the lamp tells of the result")
            wait_for(lambda: health(subscriber).link.state == "up", "health says so")
            known = health(subscriber).controller
            assert known is not None and known.firmware == "fake 1.0.0"
            card.unplug()
            wait_for(lambda: board.lamp == Lamp.FAULT, "the lamp shows the loss of the card")
            card.plug_in()
            wait_for(lambda: board.lamp in (Lamp.SCANNING, Lamp.RESULT, Lamp.NOT_SURE), "and its return")
            board.unplug()
            wait_for(lambda: health(subscriber).link.state == "down", "health says so")
            frames = running.pipeline.progress.frames
            wait_for(lambda: running.pipeline.progress.frames > frames + 5, "the service goes on")
        finally:
            running.stop()
            runner.join(10)
            assert not runner.is_alive()


def health(subscriber: Subscriber) -> Health:
    return Health.from_json(subscriber.on("health")[-1].body)


def test_bug_in_the_bridge_ends_the_service(
    mosquitto: Mosquitto, tmp_path: Path, board: FakeMicrocontroller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda told: None)

    def fail(self: Bridge, *_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Bridge, "_tell_state", fail)
    with (
        service(tmp_path, mosquitto.port, board, moving_card()) as running,
        pytest.raises(RuntimeError, match="a bug"),
    ):
        running.run()
