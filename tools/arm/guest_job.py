"""Runs inside the arm64 machine: the service on a capture device of the kernel's, and every fault that it can play.

Writes /job/outcome.json. Asks the desk for what only that can do (a foot on the switch, the serial cable) by lines on
the console that begin with ``DESK``.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

JOB = Path("/job")
DEVICE = "/dev/video0"
HDMI = 3
SLOW_S = 60.0
"""An emulated machine on a busy desk is slow; what is looked for comes within this time."""
START_S = 240.0
TOLD_S = 2.0
"""So long after a fault began, the last good pictures may still be on their way."""
CONFIG = """
[device]
id = "arm"
[source]
kind = "capture_card"
device = "/dev/video0"
width = 640
height = 480
frames_per_second = 30
[serial]
device = "auto"
pins = ["foot_switch"]
[router]
accept_threshold = 0.000001
reject_threshold = 1.0
[analysis]
interval_s = 1.0
deadline_s = 30.0
report_deadline_s = 60.0
disabled_modules = [{disabled}]
[mqtt]
health_interval_s = 2
[store]
path = "/tmp/store.sqlite3"
evidence = "none"
"""


class Heard:
    """What the service has published so far."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.health: dict[str, Any] = {}
        self.capture_states: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.statuses: list[str] = []
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("edge-cad/v1/arm/#", qos=1)
        self._client.on_message = self._take

    def start(self) -> None:
        """Begin to listen."""
        self._client.connect("127.0.0.1")
        self._client.loop_start()

    def wait_for(self, what: str, condition: Callable[[], Any], timeout_s: float = SLOW_S) -> None:
        """Until it holds; looked at whenever something was published."""
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                parts = {key: part.get("state") for key, part in self.health.items() if isinstance(part, dict)}
                raise AssertionError(f"{what}: not within {timeout_s:g} s; health says {parts}")

    def report_captured_after(self, moment: float) -> bool:
        """Whether a picture was reported that was captured after a moment (s since 1970)."""
        return any(captured_s(report) > moment for report in self.reports)

    def _take(self, _client: Any, _data: Any, message: Any) -> None:
        payload = json.loads(message.payload)
        with self._changed:
            if message.topic.endswith("/health"):
                self.health = payload
                self.capture_states.append(payload["capture"]["state"])
            elif "/report/" in message.topic and payload["scope"] == "frame":
                self.reports.append(payload)
            elif message.topic.endswith("/status"):
                self.statuses.append(payload["state"])
            self._changed.notify_all()


def timing_index(listed: str, size: str) -> int:
    """Of the first timing of a size, such as ``640x480``, in what ``v4l2-ctl --list-dv-timings`` prints."""
    width, height = size.split("x")
    for part in listed.split("Index:")[1:]:
        index, *lines = part.strip().splitlines()
        facts = dict(line.strip().split(": ", 1) for line in lines if ": " in line)
        if (facts.get("Active width"), facts.get("Active height")) == (width, height):
            return int(index)
    raise AssertionError(f"the driver knows no {size}: {listed[:300]}")


def captured_s(report: dict[str, Any]) -> float:
    """When a report's picture was captured, in seconds since 1970."""
    return datetime.fromisoformat(report["frame"]["captured_at"]).timestamp()


class Machine:
    """The capture device, the service and what was heard of it."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.windows: list[tuple[str, float, float]] = []
        self._logs = (JOB / "service.log").open("wb")  # until the machine is switched off

    def start(self) -> None:
        """Start the broker and the service."""
        self.plug_in("640x480")
        (Path("/tmp/mosquitto.conf")).write_text("listener 1883 127.0.0.1\nallow_anonymous true\nuser root\n")
        subprocess.Popen(["mosquitto", "-c", "/tmp/mosquitto.conf"], stdout=self._logs, stderr=self._logs)
        names = (JOB / "disabled").read_text().split()
        Path("/tmp/edge-cad.toml").write_text(CONFIG.format(disabled=", ".join(f'"{name}"' for name in names)))
        time.sleep(1)
        self.heard.start()
        command = [sys.executable, "-m", "edge_app", "run", "--config", "/tmp/edge-cad.toml"]
        self.service = subprocess.Popen(command, stdout=self._logs, stderr=self._logs)

    def plug_in(self, size: str) -> None:
        """Load the driver, with a moving pattern on an HDMI input of that size."""
        run("modprobe", "vivid", "n_devs=1", "node_types=0x1", "num_inputs=4")
        until(lambda: Path(DEVICE).exists(), "the capture device is there")
        run("v4l2-ctl", "-d", DEVICE, "-i", str(HDMI))
        found = timing_index(run("v4l2-ctl", "-d", DEVICE, "--list-dv-timings"), size)
        run("v4l2-ctl", "-d", DEVICE, "--set-dv-bt-timings", f"index={found}")
        self.control("test_pattern=7")  # a checkerboard; the colour bars are a "no signal" screen
        self.control("horizontal_movement=4")

    def unplug(self) -> None:
        """Unload the driver, once nobody has it open."""
        until(lambda: subprocess.run(["rmmod", "vivid"], capture_output=True).returncode == 0, "vivid is unloaded", 30)

    def control(self, setting: str) -> None:
        """Set one of the driver's controls."""
        run("v4l2-ctl", "-d", DEVICE, "-c", setting)

    def state(self, part: str) -> str:
        """What the health last said of a part."""
        return str(self.heard.health.get(part, {}).get("state"))

    def no_picture(self, name: str, begin: Callable[[], Any], part: str, state: str, end: Callable[[], Any]) -> None:
        """A fault: it begins, is told, ends, and pictures are reported again; within it none may be."""
        begin()
        began_s = time.time()
        self.heard.wait_for(f"{part} is {state}", lambda: self.state(part) == state)
        time.sleep(3)
        self.windows.append((name, began_s + TOLD_S, time.time()))
        end()
        self.reported_again()

    def reported_again(self) -> None:
        """Until a picture is reported that was captured after this call."""
        ended_s = time.time()
        self.heard.wait_for("pictures come again", lambda: self.state("capture") == "running")
        self.heard.wait_for("a picture is reported again", lambda: self.heard.report_captured_after(ended_s))

    def stale(self) -> list[str]:
        """Reports on pictures that were captured within a fault."""
        return [
            f"{name}: {report['report_id']}"
            for report in self.heard.reports
            for name, start_s, end_s in self.windows
            if start_s < captured_s(report) < end_s
        ]


def starts(machine: Machine) -> None:
    """Pictures of the kernel's device are seen and reported."""
    machine.heard.wait_for("the service is online", lambda: "online" in machine.heard.statuses, START_S)
    machine.heard.wait_for("the picture is live", lambda: machine.state("signal") in ("live", "still"), START_S)
    machine.heard.wait_for("a picture is reported", lambda: machine.heard.reports, START_S)
    assert machine.heard.reports[-1]["frame"]["width"] == 640, machine.heard.reports[-1]["frame"]


def no_signal(machine: Machine) -> None:
    """The receiver has no signal, and the driver goes on with good-looking pictures."""
    mode = "dv_timings_signal_mode"
    machine.no_picture(
        "no signal", lambda: machine.control(f"{mode}=1"), "signal", "no_signal", lambda: machine.control(f"{mode}=0")
    )


def no_lock(machine: Machine) -> None:
    """The receiver has a signal that it cannot lock to."""
    mode = "dv_timings_signal_mode"
    machine.no_picture(
        "no lock", lambda: machine.control(f"{mode}=2"), "signal", "no_signal", lambda: machine.control(f"{mode}=0")
    )


def dropped_buffers(machine: Machine) -> None:
    """No buffer is ever filled: a read hangs."""
    share = "percentage_of_dropped_buffers"
    machine.no_picture(
        "dropped buffers",
        lambda: machine.control(f"{share}=100"),
        "capture",
        "lost",
        lambda: machine.control(f"{share}=0"),
    )


def disconnect(machine: Machine) -> None:
    """The device is gone; once nobody has it open any more, this driver gives it back."""
    told = len(machine.heard.capture_states)
    machine.control("disconnect=1")
    machine.heard.wait_for("capture is lost", lambda: "lost" in machine.heard.capture_states[told:])
    machine.reported_again()


def driver_unbound_and_back(machine: Machine) -> None:
    """The driver is taken from the device, unloaded and loaded again."""

    def unbind() -> None:
        Path("/sys/bus/platform/drivers/vivid/unbind").write_text("vivid.0")

    def again() -> None:
        machine.unplug()
        machine.plug_in("720x480")

    machine.no_picture("unbind", unbind, "capture", "lost", again)


def capture_process_killed(machine: Machine) -> None:
    """SIGKILL to the process that owns the device."""
    owner = next(pid for pid in children_of(machine.service.pid) if has_open(pid, DEVICE))
    os.kill(owner, signal.SIGKILL)
    time.sleep(0.5)
    machine.reported_again()
    assert machine.service.poll() is None


def foot_switch(machine: Machine) -> None:
    """A foot on the switch at the USB serial port has a picture reported."""
    machine.heard.wait_for("the serial link is up", lambda: machine.state("link") == "up")
    ask_desk("press")
    machine.heard.wait_for(
        "the foot switch's picture is reported",
        lambda: any((report["trigger"] or {}).get("event") == "foot_switch_press" for report in machine.heard.reports),
    )


def serial_unplugged(machine: Machine) -> None:
    """The USB cable of the microcontroller is pulled and put back."""
    ask_desk("unplug")
    machine.heard.wait_for("the link is down", lambda: machine.state("link") == "down")
    ask_desk("plug in")
    machine.heard.wait_for("the link is up again", lambda: machine.state("link") == "up")


def stops(machine: Machine) -> None:
    """SIGTERM: all is left in order, and nothing was reported of a picture from within a fault."""
    machine.service.send_signal(signal.SIGTERM)
    assert machine.service.wait(SLOW_S) == 0
    machine.heard.wait_for("the service is offline", lambda: machine.heard.statuses[-1] == "offline")
    assert not [path for path in Path("/dev/shm").iterdir()], "something is left in /dev/shm"
    stale = machine.stale()
    assert not stale, f"reports on pictures from within a fault: {stale}"


SCENARIOS = (
    starts, foot_switch, serial_unplugged, no_signal, no_lock, dropped_buffers, capture_process_killed, disconnect,
    driver_unbound_and_back, stops,
)  # fmt: skip


def main() -> None:
    """Play them all; the outcome is written after each."""
    machine = Machine()
    outcome: dict[str, Any] = {"scenarios": {}}
    machine.start()
    for scenario in SCENARIOS:
        started_s = time.time()
        try:
            scenario(machine)
            error = ""
        except Exception as problem:  # the next one may still pass
            error = f"{type(problem).__name__}: {problem}"
        took_s = round(time.time() - started_s, 1)
        outcome["scenarios"][scenario.__name__] = {"passed": not error, "reason": error, "seconds": took_s}
        print(f"{scenario.__name__}: {error or 'passed'} ({took_s} s)", flush=True)
        (JOB / "outcome.json").write_text(json.dumps(outcome))
        if scenario is starts and error:
            break
    machine.service.kill()
    outcome["reports"] = len(machine.heard.reports)
    (JOB / "outcome.json").write_text(json.dumps(outcome))


def ask_desk(what: str) -> None:
    """Have the desk do something to the machine."""
    print(f"DESK {what}", flush=True)


def run(*command: str) -> str:
    """What a command prints; an error if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}"
    return done.stdout


def until(condition: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    """Until it holds; looked at ten times a second."""
    end_s = time.time() + timeout_s
    while not condition():
        assert time.time() < end_s, f"{what}: not within {timeout_s:g} s"
        time.sleep(0.1)


def children_of(process_id: int) -> list[int]:
    """All below a process."""
    found = []
    for children in Path(f"/proc/{process_id}/task").glob("*/children"):
        for child in children.read_text().split():
            found += [int(child), *children_of(int(child))]
    return found


def has_open(process_id: int, path: str) -> bool:
    """Whether a process has a file open."""
    try:
        return any(str(entry.readlink()) == path for entry in Path(f"/proc/{process_id}/fd").iterdir())
    except OSError:
        return False


if __name__ == "__main__":
    main()
