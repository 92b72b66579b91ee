"""A serial line that loses, doubles, damages and delays what it carries, in simulated time."""

import heapq
import random
import re
from dataclasses import dataclass
from typing import Final

BYTE_NS: Final = 86_806
"""Ten bits at 115,200 baud."""
_FRAME: Final = re.compile(b"\x7e[^\x7e]*\x7e")


@dataclass(frozen=True, slots=True)
class Faults:
    """How bad a line is; each a probability per frame."""

    lost: float = 0.01
    doubled: float = 0.01
    damaged: float = 0.01
    """One to three bits are turned over."""
    noise: float = 0.005
    """One to twenty bytes of anything before it."""
    late: float = 0.01
    """It comes up to ``latest_ns`` later, also after frames that were sent after it."""
    latest_ns: int = 400_000_000


class FaultyLine:
    """One direction of the line."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._random = random.Random(seed)
        self._on_way: list[tuple[int, int, bytes]] = []
        self._count = 0
        self._free_ns = 0
        self.cut = False
        """A cut line loses everything."""

    def send(self, data: bytes, now_ns: int) -> None:
        """Put whole frames onto the line."""
        for match in _FRAME.finditer(data):
            self._send_frame(match[0], now_ns)

    def next_ns(self) -> int | None:
        """When something arrives; None: nothing is on its way."""
        return self._on_way[0][0] if self._on_way else None

    def receive(self, now_ns: int) -> list[bytes]:
        """What has arrived by now, in pieces as a port gives them."""
        pieces = []
        while self._on_way and self._on_way[0][0] <= now_ns:
            data = heapq.heappop(self._on_way)[2]
            cut = self._random.randrange(len(data) + 1)
            pieces += [piece for piece in (data[:cut], data[cut:]) if piece]
        return pieces

    def _send_frame(self, frame: bytes, now_ns: int) -> None:
        chance, faults = self._random.random, self._faults
        self._free_ns = max(self._free_ns, now_ns) + len(frame) * BYTE_NS
        if self.cut or chance() < faults.lost:
            return
        if chance() < faults.damaged:
            damaged = bytearray(frame)
            for _ in range(self._random.randint(1, 3)):
                damaged[self._random.randrange(len(frame))] ^= 1 << self._random.randrange(8)
            frame = bytes(damaged)
        if chance() < faults.noise:
            frame = self._random.randbytes(self._random.randint(1, 20)) + frame
        arrives_ns = self._free_ns + self._random.randrange(500_000)
        for _ in range(2 if chance() < faults.doubled else 1):
            late_ns = self._random.randrange(faults.latest_ns) if chance() < faults.late else 0
            self._count += 1
            heapq.heappush(self._on_way, (arrives_ns + late_ns, self._count, frame))
