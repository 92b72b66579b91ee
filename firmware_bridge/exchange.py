"""One command and its answer: sent again until it is answered or given up, each with its outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from firmware_bridge.codes import NakReason
from firmware_bridge.framing import encode_frame
from firmware_bridge.messages import PROTOCOL_VERSION, Ack, Command, Hello, Message, Nak, Ping, Pong, Welcome, encode

TRIES_MOST: Final = 6
TIMEOUT_FIRST_NS: Final = 250_000_000
"""Before anything is known of the line: an emulated controller under load, a slow line."""
TIMEOUT_SHORTEST_NS: Final = 20_000_000
TIMEOUT_LONGEST_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command."""

    status: Literal["done", "refused", "unanswered"]
    """``unanswered``: it may have been done or not."""
    reason: str = ""
    """Empty if it was done; else why, in plain words."""
    round_trip_ns: int = 0
    """From the first try to the answer; 0 without one."""
    tries: int = 0


OnDone: TypeAlias = Callable[[Outcome], None]


class AckTimeout:
    """How long to wait for an answer, from how long answers took. Source: RFC 6298, with Karn's rule in section 3."""

    def __init__(self) -> None:
        self._mean_ns = 0.0
        self._deviation_ns = 0.0

    def take(self, round_trip_ns: int) -> None:
        """Learn from a command that was answered at the first try."""
        if not self._mean_ns:
            self._mean_ns, self._deviation_ns = float(round_trip_ns), round_trip_ns / 2
            return
        self._deviation_ns += (abs(round_trip_ns - self._mean_ns) - self._deviation_ns) / 4
        self._mean_ns += (round_trip_ns - self._mean_ns) / 8

    def timeout_ns(self, tries: int) -> int:
        """How long to wait after the so-manieth try; each wait is twice the one before."""
        first = self._mean_ns + 4 * self._deviation_ns if self._mean_ns else TIMEOUT_FIRST_NS
        first = max(first, TIMEOUT_SHORTEST_NS)
        return int(min(first * 2 ** min(tries - 1, 10), TIMEOUT_LONGEST_NS))

    @property
    def mean_ns(self) -> int:
        """Smoothed round trip; 0 before the first."""
        return int(self._mean_ns)


class Exchange:
    """A command on its way."""

    def __init__(self, command: Command, sequence: int, on_done: OnDone | None, now_ns: int) -> None:
        self.command = command
        self.sequence = sequence
        self.first_sent_ns = now_ns
        self.due_ns = now_ns
        """When to send it (again)."""
        self.tries = 0
        self._on_done = on_done
        self._frame = encode_frame(encode(command, sequence))

    def send(self, timeout: AckTimeout, now_ns: int) -> bytes:
        """The frame to write now; the same bytes at every try."""
        self.tries += 1
        self.due_ns = now_ns + timeout.timeout_ns(self.tries)
        return self._frame

    @property
    def exhausted(self) -> bool:
        """Whether it was tried often enough; a greeting never is."""
        return self.tries >= TRIES_MOST and not isinstance(self.command, Hello)

    def is_answered_by(self, message: Message, sequence: int) -> bool:
        """Whether a message is the answer, and not that of an earlier command."""
        if sequence != self.sequence:
            return False
        if isinstance(message, Ack | Nak):
            return message.command == self.command.KIND and not (
                isinstance(message, Ack) and isinstance(self.command, Hello | Ping)
            )
        answers = {Hello: Welcome, Ping: Pong}
        return isinstance(message, answers.get(type(self.command), ()))

    def finish(self, status: Literal["done", "refused", "unanswered"], reason: str, now_ns: int) -> None:
        """Tell the outcome to whom it concerns."""
        if self._on_done is not None:
            round_trip_ns = 0 if status == "unanswered" else now_ns - self.first_sent_ns
            self._on_done(Outcome(status, reason, round_trip_ns, self.tries))


def refusal(nak: Nak) -> str:
    """Why a command was not done, in plain words."""
    match nak.reason:
        case NakReason.NOT_GREETED:
            return "the controller was reset"
        case NakReason.UNKNOWN_COMMAND:
            return f"the firmware does not know command 0x{nak.command:02x}: update it"
        case NakReason.BAD_VALUE:
            return "a value is outside what the controller takes"
        case NakReason.NOT_AVAILABLE:
            return "the controller does not have that"
        case NakReason.VERSION:
            spoken = f"{nak.lowest} to {nak.highest}"
            return f"the firmware speaks protocol {spoken}, this program {PROTOCOL_VERSION}: update one of them"
        case _:
            return f"the controller refuses for reason {nak.reason}, which this program does not know"
