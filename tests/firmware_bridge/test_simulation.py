"""Every message over a bad line is accounted for; the long run is tools/serial_faults."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from controllers import compiled_library

from firmware_bridge.codes import Lamp
from firmware_bridge.compiled_firmware import CompiledFirmware
from firmware_bridge.fake_firmware import FakeFirmware
from firmware_bridge.faulty_line import Faults, FaultyLine
from firmware_bridge.framing import FrameParser, encode_frame
from firmware_bridge.messages import SetLamp, encode
from firmware_bridge.simulation import Simulation, count_repeats

PERFECT = Faults(0, 0, 0, 0, 0)
AWFUL = Faults(lost=0.1, doubled=0.1, damaged=0.1, noise=0.1, late=0.1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("faults", [Faults(), AWFUL], ids=["bad", "awful"])
def test_nothing_vanishes_and_nothing_is_taken_twice(faults: Faults, seed: int) -> None:
    account = Simulation(FakeFirmware(temperature_decidegrees=None), faults, seed).run(1500)
    assert (account.messages, account.silent, account.taken_twice) == (1500, 0, 0)
    assert account.answered + account.reported == 1500
    if faults == Faults():
        assert account.answered > 1450


def test_firmware_in_c_does_as_well(tmp_path: Path) -> None:
    account = Simulation(CompiledFirmware(compiled_library(tmp_path), None), AWFUL, 4).run(2000)
    assert (account.messages, account.silent, account.taken_twice) == (2000, 0, 0)


def test_cut_line_costs_events_that_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.simulation.CUT_EVERY", 400)
    account = Simulation(FakeFirmware(temperature_decidegrees=None), PERFECT, 1).run(1000)
    assert (account.silent, account.taken_twice) == (0, 0)
    assert account.lost > 50 and account.unanswered >= 2


def test_copy_that_comes_hundreds_of_commands_late_is_not_carried_out_again() -> None:
    faults = Faults(lost=0, doubled=0.1, damaged=0, noise=0, late=0.03, latest_ns=900_000_000)
    account = Simulation(FakeFirmware(temperature_decidegrees=None), faults, 2).run(6000)
    assert (account.messages, account.silent, account.taken_twice) == (6000, 0, 0)


def test_perfect_line_answers_everything() -> None:
    simulation = Simulation(FakeFirmware(temperature_decidegrees=None), PERFECT, 1)
    account = simulation.run(500)
    assert account.answered == 500
    assert simulation.link.counts.repeated == 0 and simulation.link.parser.counts.damaged == 0


def test_account_sees_what_a_bad_firmware_does() -> None:
    """A firmware that carries out every copy, and one that drops events in silence."""

    class Forgetful(FakeFirmware):
        def receive(self, data: bytes, now_us: int) -> None:
            self._last_answer, self._last_sequence = None, self._last_sequence - 1
            super().receive(data, now_us)

    assert Simulation(Forgetful(temperature_decidegrees=None), AWFUL, 1).run(600).taken_twice > 0

    class Lossy(FakeFirmware):
        def tick(self, now_us: int) -> None:
            if self._counter == 5:
                self._counter -= 1
                self._events.clear()
            super().tick(now_us)

    lossy = Simulation(Lossy(temperature_decidegrees=None), PERFECT, 1)
    lossy.account = lossy.run(100)
    assert lossy.account.silent > 0


def test_line_loses_doubles_and_damages_as_often_as_asked() -> None:
    line = FaultyLine(Faults(lost=0.2, doubled=0.1, damaged=0.0, noise=0.0, late=0.0), 3)
    frame = encode_frame(encode(SetLamp(Lamp.RESULT), 5))
    for number in range(2000):
        line.send(frame, number * 10_000_000)
    arrived = FrameParser().feed(b"".join(line.receive(10**15)))
    assert 0.83 < len(arrived) / 2000 < 0.93  # 0.8 x 1.1
    damaging, parser = FaultyLine(Faults(0, 0, damaged=0.5, noise=0, late=0), 3), FrameParser()
    for number in range(1000):
        damaging.send(frame, number * 10_000_000)
    parser.feed(b"".join(damaging.receive(10**15)))
    assert 400 < parser.counts.damaged < 620


@pytest.mark.parametrize(
    ("carried_out", "repeats"), [([1, 2, 3], 0), ([1, 3], 0), ([1, 1, 2], 1), ([1, 2, 1, 3], 1), ([2, 1], 1)]
)
def test_repeats_are_counted(carried_out: list[int], repeats: int) -> None:
    assert count_repeats([1, 2, 3], carried_out) == repeats


def test_tool_writes_its_figures_and_judges_them(tmp_path: Path) -> None:
    tool = Path(__file__).parents[2] / "tools" / "serial_faults"
    command = [sys.executable, str(tool), "--messages", "400", "--exposures", "20", "--json", str(tmp_path / "figures")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "figures").read_text())
    assert figures["messages"] == 400 and figures["silent"] == figures["taken_twice"] == 0
    assert figures["answered"] + figures["reported"] == 400
    assert figures["binding_within_one_frame"] == 1.0
