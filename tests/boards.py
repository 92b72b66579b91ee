"""A firmware, compiled or its double, with pins and a clock in a test's hand."""

from firmware_bridge.codes import EventKind, ResetCause
from firmware_bridge.fake_firmware import Firmware
from firmware_bridge.framing import FrameParser, encode_frame
from firmware_bridge.messages import (
    ControllerEvent,
    EventTaken,
    Heartbeat,
    Hello,
    Message,
    Welcome,
    decode,
    encode,
)

ALL_HIGH = 0xFF
FOOT, FREEZE, EXPOSURE = 0, 1, 2


class Board:
    """A firmware with its pins and a clock, and everything that it said."""

    def __init__(self, firmware: Firmware, levels: int = ALL_HIGH, start_us: int = 1_000_000) -> None:
        self.firmware, self.levels, self.now_us = firmware, levels, start_us
        self.parser = FrameParser()
        self.said: list[tuple[Message, int]] = []
        firmware.boot(start_us, ResetCause.POWER_ON, levels)

    def let_pass(self, milliseconds: int) -> None:
        for _ in range(milliseconds):
            self.now_us += 1000
            self.firmware.tick(self.now_us)
            self._listen()

    def send(self, message: Message, sequence: int) -> list[Message]:
        """Returns the answers at once."""
        return self.send_bytes(encode_frame(encode(message, sequence)))

    def send_bytes(self, data: bytes) -> list[Message]:
        before = len(self.said)
        self.firmware.receive(data, self.now_us)
        self._listen()
        return [message for message, _ in self.said[before:] if not isinstance(message, Heartbeat | ControllerEvent)]

    def switch(self, pin: int, level: int) -> None:
        self.levels = self.levels & ~(1 << pin) | level << pin
        self.firmware.set_levels(self.levels, self.now_us)

    def events(self) -> list[ControllerEvent]:
        """The events that it told, without repeats and temperature."""
        told = {
            message.counter: message
            for message, _ in self.said
            if isinstance(message, ControllerEvent) and message.event != EventKind.TEMPERATURE
        }
        return [told[counter] for counter in sorted(told)]

    def greet(self, session: int = 1, sequence: int = 1) -> Welcome:
        (welcome,) = self.send(Hello(1, 1, session), sequence)
        assert isinstance(welcome, Welcome)
        return welcome

    def take_all(self, session: int = 1) -> None:
        """Take every event as it comes."""
        for _ in range(100):
            self.let_pass(2)
            told = [message.counter for message, _ in self.said if isinstance(message, ControllerEvent)]
            if told:
                self.send(EventTaken(session, max(told)), 0)

    def _listen(self) -> None:
        self.said += [decode(payload) for payload in self.parser.feed(self.firmware.take_output())]
