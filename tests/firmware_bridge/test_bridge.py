"""The bridge's thread: ports that come and go, commands from other threads, a clean end."""

import itertools
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from controllers import Watched

from firmware_bridge.bridge import Bridge, LinkState
from firmware_bridge.codes import EventKind, Lamp, PinRole
from firmware_bridge.errors import PortLost
from firmware_bridge.fake_firmware import FakeFirmware
from firmware_bridge.fake_mcu import FakeMicrocontroller
from firmware_bridge.messages import Buzz, SetRelay
from firmware_bridge.port import Port
from firmware_bridge.settings import ControllerSettings, PinSettings

SETTINGS = ControllerSettings((PinSettings(PinRole.FREEZE, debounce_ms=2),))


@pytest.fixture
def controller() -> Iterator[FakeMicrocontroller]:
    with FakeMicrocontroller(FakeFirmware(battery_mv=3700)) as made:
        yield made


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_missing_controller_is_a_state_and_commands_say_so() -> None:
    def nothing() -> Port:
        raise PortLost("no USB serial port fits 'auto': plug the controller in")

    with Watched(nothing) as link:
        link.wait_until(lambda: link.bridge.state.state == "down", "down")
        outcome = link.bridge.send(Buzz(440, 10)).result(5)
        assert outcome.status == "unanswered" and "plug the controller in" in outcome.reason
    assert link.bridge.state.state == "stopped"


def test_controller_that_comes_later_is_found(controller: FakeMicrocontroller) -> None:
    controller.unplug()
    with Watched(controller.open_port, SETTINGS) as link:
        time.sleep(0.1)
        assert link.bridge.state.state == "down"
        controller.plug_in()
        link.wait_up()
    assert controller.history.count(("open",)) >= 3


def test_twenty_unplugs_leave_nothing_behind(controller: FakeMicrocontroller) -> None:
    with Watched(controller.open_port, SETTINGS) as link:
        link.wait_up()
        before = open_files()
        for number in range(1, 21):
            controller.unplug()
            link.wait_until(lambda: link.bridge.state.state == "down", "down")
            controller.plug_in()
            link.wait_up()
            link.wait_until(lambda number=number: link.bridge.figures.resets == number, "a new start was seen")
        assert open_files() == before


def test_stop_is_clean_in_every_state(controller: FakeMicrocontroller) -> None:
    before = open_files()
    for pause_s in (0.0, 0.001, 0.005, 0.05):
        with Watched(controller.open_port, SETTINGS):
            time.sleep(pause_s)
        controller.hang()
        with Watched(controller.open_port, SETTINGS):
            time.sleep(pause_s)
        controller.revive()
    never_started = Bridge(controller.open_port, SETTINGS)
    never_started.stop()
    never_started.stop()
    never_started.wake()
    deadline = time.monotonic() + 5
    while open_files() > before + 1:  # the controller's own end of the line is closed by its thread
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_commands_from_many_threads_have_their_outcome(controller: FakeMicrocontroller) -> None:
    outcomes: list[str] = []
    with Watched(controller.open_port, SETTINGS) as link:
        link.wait_up()

        def send(first: int) -> None:
            for number in range(10):
                outcomes.append(link.bridge.send(Buzz(first + number, 10)).result(10).status)

        threads = [threading.Thread(target=send, args=(1000 * number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert outcomes == ["done"] * 40
    assert len(set(controller.firmware.buzzes_hz)) == len(controller.firmware.buzzes_hz) == 40


def test_command_after_the_end_is_reported(controller: FakeMicrocontroller) -> None:
    with Watched(controller.open_port, SETTINGS) as link:
        link.wait_up()
        waiting = [link.bridge.send(SetRelay(0, 1)) for _ in range(50)]
    assert {future.result(1).status for future in waiting} <= {"done", "unanswered"}
    assert link.bridge.send(SetRelay(0, 1)).result(1).status == "unanswered"


def test_states_follow_one_another_and_are_told_once(controller: FakeMicrocontroller) -> None:
    told: list[LinkState] = []
    bridge = Bridge(controller.open_port, SETTINGS, on_state=told.append, shortest_pause_s=0.02)
    bridge.start()
    deadline = time.monotonic() + 5
    while bridge.state.state != "up" or bridge.state.battery_v is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    bridge.stop()
    assert all(earlier != later for earlier, later in itertools.pairwise(told))
    assert told[0].state == "down" and told[-1].state == "stopped"
    up = next(state for state in told if state.state == "up")
    assert up.controller == "fake 1.0.0" and up.reason == ""
    assert bridge.state.battery_v == 3.7 and bridge.state.temperature == 35.0


def test_lamp_is_asked_for_again_and_again(controller: FakeMicrocontroller) -> None:
    shown = [Lamp.SCANNING]
    with Watched(controller.open_port, SETTINGS, lambda: shown[0]) as link:
        link.wait_until(lambda: controller.lamp == Lamp.SCANNING, "scanning")
        shown[0] = Lamp.NOT_SURE  # nobody wakes it
        link.wait_until(lambda: controller.lamp == Lamp.NOT_SURE, "not sure", 2)


def test_bug_in_a_listener_is_a_state_and_ends_the_thread(
    controller: FakeMicrocontroller, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: raised.append(told.exc_value))

    def listener(event: object) -> None:
        raise RuntimeError("a bug")

    bridge = Bridge(controller.open_port, SETTINGS, on_event=listener, shortest_pause_s=0.02)
    bridge.start()
    deadline = time.monotonic() + 5
    while bridge.state.state != "failed":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "a bug" in bridge.state.reason
    assert bridge.send(Buzz(440, 10)).result(1).status == "unanswered"
    bridge.stop()
    assert [str(error) for error in raised] == ["a bug"]


def test_clock_of_the_controller_may_drift() -> None:
    with (
        FakeMicrocontroller(drift_ppm=150.0, start_us=10**9) as drifting,
        Watched(drifting.open_port, SETTINGS) as link,
    ):
        link.wait_up()
        time.sleep(0.3)
        before_ns = time.monotonic_ns()
        drifting.press(0)
        after_ns = time.monotonic_ns()
        link.wait_until(lambda: EventKind.FREEZE_ON in link.kinds(), "the event came")
        event = next(event for event in link.events if event.kind == EventKind.FREEZE_ON)
        assert before_ns - event.uncertainty_ns <= event.happened_ns <= after_ns + event.uncertainty_ns


def test_idle_bridge_uses_next_to_no_processor(controller: FakeMicrocontroller) -> None:
    with Watched(controller.open_port, SETTINGS) as link:
        link.wait_up()
        time.sleep(0.2)
        thread = next(thread for thread in threading.enumerate() if thread.name == "firmware bridge")
        ticks = int(Path(f"/proc/self/task/{thread.native_id}/stat").read_text().split()[13])
        time.sleep(1.0)
        used = int(Path(f"/proc/self/task/{thread.native_id}/stat").read_text().split()[13]) - ticks
        assert used / os.sysconf("SC_CLK_TCK") < 0.2
