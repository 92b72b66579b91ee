import pytest

from firmware_bridge.bench import measure_link
from firmware_bridge.errors import PortLost
from firmware_bridge.fake_firmware import FakeFirmware
from firmware_bridge.fake_mcu import FakeMicrocontroller
from firmware_bridge.messages import ControllerEvent
from firmware_bridge.port import Port


def test_link_on_a_terminal_answers_everything_and_loses_nothing() -> None:
    with FakeMicrocontroller(on_pty=True) as board:
        figures = measure_link(board.open_port, 100, board, 10)
    assert figures.good
    assert (figures.sent, figures.answered, figures.events, figures.events_taken) == (100, 100, 10, 10)
    assert 0 < figures.round_trip_p50_ms <= figures.round_trip_p99_ms <= figures.round_trip_worst_ms
    assert figures.controller == "fake 1.0.0"


def test_missing_controller_is_told() -> None:
    def nothing() -> Port:
        raise PortLost("plug it in")

    with pytest.raises(PortLost, match="plug it in"):
        measure_link(nothing, 10)


def test_events_that_vanish_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.bench.EVENT_WITHIN_S", 0.2)

    class Lossy(FakeFirmware):
        """Forgets an event and its counter."""

        def tick(self, now_us: int) -> None:
            super().tick(now_us)
            while self._counter == 3 and self._events and isinstance(self._events[-1], ControllerEvent):
                self._events.pop()
                self._counter = 2

    with FakeMicrocontroller(Lossy(temperature_decidegrees=None)) as board:
        figures = measure_link(board.open_port, 60, board, 6)
    assert not figures.good and figures.events_lost_uncounted > 0
