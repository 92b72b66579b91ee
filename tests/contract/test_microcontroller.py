"""What every microcontroller must do: the fake, the firmware's portable part, and the firmware on an emulated board."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from controllers import (
    Microcontroller,
    Watched,
    compiled_library,
    firmware_image,
    remove_firmware_image,
)

from firmware_bridge.codes import Capability, EventKind, Lamp, PinRole
from firmware_bridge.compiled_firmware import CompiledFirmware
from firmware_bridge.emulator import EmulatedController
from firmware_bridge.fake_mcu import FakeMicrocontroller
from firmware_bridge.messages import Buzz, SetPin, SetRelay
from firmware_bridge.settings import ControllerSettings, PinSettings

FOOT, FREEZE, EXPOSURE, PROBE = range(4)
SETTINGS = ControllerSettings(
    (
        PinSettings(PinRole.FOOT_SWITCH, debounce_ms=5),
        PinSettings(PinRole.FREEZE, debounce_ms=2),
        PinSettings(PinRole.EXPOSURE, debounce_ms=2),
        PinSettings(PinRole.PROBE, debounce_ms=5),
        PinSettings(PinRole.ENCLOSURE, debounce_ms=5),
    ),
    hold_ms=300,
    double_press_ms=200,
)
PATIENCE_S = 15.0


@pytest.fixture(scope="module", params=["fake", "compiled", "emulated"])
def controller(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microcontroller]:
    if request.param == "emulated":
        with tempfile.TemporaryDirectory() as folder, EmulatedController(firmware_image(), Path(folder)) as emulated:
            yield emulated
        remove_firmware_image()
        return
    if request.param == "fake":
        with FakeMicrocontroller() as fake:
            yield fake
        return
    firmware = CompiledFirmware(compiled_library(tmp_path_factory.mktemp("firmware")))
    with FakeMicrocontroller(firmware, on_pty=True) as compiled:
        yield compiled


@pytest.fixture
def link(controller: Microcontroller) -> Iterator[Watched]:
    with Watched(controller.open_port, SETTINGS) as watched:
        watched.wait_up()
        yield watched


def tap(controller: Microcontroller, pin: int, down_s: float = 0.03) -> None:
    controller.press(pin)
    time.sleep(down_s)
    controller.release(pin)


def wait_for_events(link: Watched, *kinds: EventKind, count: int = 1, since_ns: int = 0) -> None:
    link.wait_until(
        lambda: sum(kind in kinds for kind in link.kinds(since_ns)) >= count, f"{count} of {kinds}", PATIENCE_S
    )


def test_it_says_who_it_is_and_what_it_has(link: Watched) -> None:
    assert link.bridge.state.controller.split()[0] in ("fake", "hosted", "lm3s6965evb")
    welcome = link.bridge._link.welcome
    assert welcome is not None
    assert {Capability.LAMP, Capability.BUZZER, Capability.RELAY} <= set(welcome.capabilities)
    assert (welcome.version, welcome.pins, welcome.relays) == (1, 5, 2)


def test_lamp_shows_what_it_is_told(controller: Microcontroller) -> None:
    shown = [Lamp.SCANNING]
    with Watched(controller.open_port, SETTINGS, lambda: shown[0]) as link:
        link.wait_up()
        for lamp in (Lamp.SCANNING, Lamp.RESULT, Lamp.NOT_SURE, Lamp.FAULT, Lamp.OFF):
            shown[0] = lamp
            link.bridge.wake()
            link.wait_until(lambda lamp=lamp: controller.lamp == lamp, f"the lamp shows {lamp!r}")  # type: ignore[misc]


def test_relays_follow_the_command(controller: Microcontroller, link: Watched) -> None:
    for closed in (1, 0):
        for relay in (0, 1):
            assert link.bridge.send(SetRelay(relay, closed)).result(10).status == "done"
            assert controller.relays >> relay & 1 == closed


def test_buzzer_takes_a_sound(link: Watched) -> None:
    assert link.bridge.send(Buzz(2000, 20)).result(10).status == "done"


def test_what_it_does_not_have_is_refused(link: Watched) -> None:
    outcome = link.bridge.send(SetRelay(3, 1)).result(10)
    assert outcome.status == "refused" and "does not have" in outcome.reason
    assert link.bridge.send(SetPin(7, PinRole.PROBE, 1, 20)).result(10).status == "refused"


def test_press_is_an_event_with_its_time(controller: Microcontroller, link: Watched) -> None:
    time.sleep(0.25)  # nothing before it makes it a double one
    before_ns = time.monotonic_ns()
    controller.press(FOOT)
    after_ns = time.monotonic_ns()
    wait_for_events(link, EventKind.FOOT_SWITCH_PRESS)
    controller.release(FOOT)
    event = [event for event in link.events if event.kind == EventKind.FOOT_SWITCH_PRESS][-1]
    # An emulated processor that this machine does not run for a moment looks at its pins late.
    late_ns = 50_000_000 if isinstance(controller, EmulatedController) else 0
    assert before_ns - event.uncertainty_ns <= event.happened_ns <= after_ns + event.uncertainty_ns + late_ns
    assert event.uncertainty_ns < 100e6


def test_foot_switch_is_held_and_pressed_twice(controller: Microcontroller, link: Watched) -> None:
    time.sleep(0.25)
    since_ns = time.monotonic_ns()
    controller.press(FOOT)
    wait_for_events(link, EventKind.FOOT_SWITCH_HOLD)
    controller.release(FOOT)
    time.sleep(0.25)
    for _ in range(2):
        tap(controller, FOOT, 0.02)
        time.sleep(0.02)
    wait_for_events(link, EventKind.FOOT_SWITCH_DOUBLE)
    foot = (EventKind.FOOT_SWITCH_PRESS, EventKind.FOOT_SWITCH_HOLD, EventKind.FOOT_SWITCH_DOUBLE)
    assert [kind for kind in link.kinds(since_ns) if kind in foot] == [
        EventKind.FOOT_SWITCH_PRESS,
        EventKind.FOOT_SWITCH_HOLD,
        EventKind.FOOT_SWITCH_PRESS,
        EventKind.FOOT_SWITCH_DOUBLE,
    ]


def test_every_line_has_its_events(controller: Microcontroller, link: Watched) -> None:
    tap(controller, FREEZE)
    wait_for_events(link, EventKind.FREEZE_OFF)
    tap(controller, PROBE)
    wait_for_events(link, EventKind.PROBE_DISCONNECTED)
    tap(controller, EXPOSURE, 0.1)
    wait_for_events(link, EventKind.EXPOSURE_END)
    for kind in (EventKind.FREEZE_ON, EventKind.PROBE_CONNECTED, EventKind.EXPOSURE_START):
        assert kind in link.kinds()
    length_ms = next(event.value for event in link.events if event.kind == EventKind.EXPOSURE_END)
    assert 50 <= length_ms <= 1000
    start, end = (
        next(event for event in link.events if event.kind == kind)
        for kind in (EventKind.EXPOSURE_START, EventKind.EXPOSURE_END)
    )
    assert abs((end.happened_ns - start.happened_ns) / 1e6 - length_ms) < 2


def test_events_come_once_in_order_and_none_is_lost(controller: Microcontroller, link: Watched) -> None:
    lost, since_ns = link.bridge.figures.events_lost, time.monotonic_ns()
    for number in range(1, 11):
        controller.press(FREEZE)
        wait_for_events(link, EventKind.FREEZE_ON, count=number, since_ns=since_ns)
        controller.release(FREEZE)
        wait_for_events(link, EventKind.FREEZE_OFF, count=number, since_ns=since_ns)
    counters = [event.counter for event in link.events]
    assert counters == sorted(set(counters))
    assert link.bridge.figures.events_lost == lost
    freeze = [kind for kind in link.kinds(since_ns) if kind in (EventKind.FREEZE_ON, EventKind.FREEZE_OFF)]
    assert freeze == [EventKind.FREEZE_ON, EventKind.FREEZE_OFF] * 10


def test_events_wait_for_the_host(controller: Microcontroller) -> None:
    with Watched(controller.open_port, SETTINGS) as link:
        link.wait_up()
    tap(controller, FREEZE)
    time.sleep(0.05)
    with Watched(controller.open_port, SETTINGS) as link:
        wait_for_events(link, EventKind.FREEZE_ON)
        wait_for_events(link, EventKind.FREEZE_OFF)
        assert link.bridge.figures.events_lost == 0


def test_silent_host_shows_as_fault_within_three_seconds(controller: Microcontroller) -> None:
    with Watched(controller.open_port, SETTINGS) as link:
        link.wait_up()
        link.wait_until(lambda: controller.lamp == Lamp.SCANNING, "scanning")
    stopped_s = time.monotonic()
    while controller.lamp != Lamp.FAULT:
        assert time.monotonic() < stopped_s + 4
        time.sleep(0.01)
    assert time.monotonic() - stopped_s > 1.0
    with Watched(controller.open_port, SETTINGS) as link:
        link.wait_until(lambda: controller.lamp == Lamp.SCANNING, "scanning again")


def test_reset_is_noticed_and_everything_is_told_again(controller: Microcontroller, link: Watched) -> None:
    link.wait_until(lambda: controller.lamp == Lamp.SCANNING, "scanning")
    controller.reset()
    link.wait_until(lambda: link.bridge.figures.resets == 1, "the reset was seen")
    link.wait_until(lambda: link.bridge.state.state == "up" and controller.lamp == Lamp.SCANNING, "all is well again")
    before = len(link.events)
    tap(controller, FREEZE)
    link.wait_until(lambda: EventKind.FREEZE_ON in link.kinds()[before:], "events come again")


def test_hang_is_a_state_and_passes(controller: Microcontroller, link: Watched) -> None:
    controller.hang()
    link.wait_until(lambda: link.bridge.state.state == "down", "the hang is seen", 5)
    assert link.bridge.state.reason
    controller.revive()
    link.wait_until(lambda: link.bridge.state.state == "up", "it is back", PATIENCE_S)
    assert link.bridge.send(SetRelay(0, 0)).result(10).status == "done"


def test_unplugging_is_a_state_and_passes(controller: Microcontroller, link: Watched) -> None:
    controller.unplug()
    link.wait_until(lambda: link.bridge.state.state == "down", "the loss is seen", 3)
    assert "plug" in link.bridge.state.reason
    assert link.bridge.send(SetRelay(0, 1)).result(5).status == "unanswered"
    controller.plug_in()
    link.wait_until(lambda: link.bridge.state.state == "up", "it is back", PATIENCE_S)
    link.wait_until(lambda: controller.lamp == Lamp.SCANNING, "the lamp is told again")
