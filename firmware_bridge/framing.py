"""Frames on the line: payload and CRC-16 between two flags, escaped as in HDLC (RFC 1662, section 4.2).

The flag never occurs inside a frame, so that after any noise the next flag begins anew: one stray byte costs one frame
at most.
"""

import binascii
import re
from dataclasses import dataclass
from typing import Final

from firmware_bridge.messages import HEADER, PAYLOAD_LONGEST

FLAG: Final = 0x7E
ESCAPE: Final = 0x7D
TOGGLE: Final = 0x20
"""Exclusive-or of an escaped byte."""
CRC_START: Final = 0xFFFF
CRC_BYTES: Final = 2
PAYLOAD_SHORTEST: Final = HEADER.size
CONTENT_LONGEST: Final = 2 * (PAYLOAD_LONGEST + CRC_BYTES)
"""Bytes between two flags, were every one of them escaped."""

_SPECIAL: Final = re.compile(b"[\x7d\x7e]")
_ESCAPED: Final = re.compile(b"\x7d(.)", re.DOTALL)
_WRONGLY_ESCAPED: Final = re.compile(b"\x7d(?![\x5d\x5e])")


def encode_frame(payload: bytes) -> bytes:
    """A payload as it goes onto the line.

    Args:
        payload: 3 to 64 bytes.
    """
    if not PAYLOAD_SHORTEST <= len(payload) <= PAYLOAD_LONGEST:
        raise ValueError(f"a payload of {len(payload)} bytes is not {PAYLOAD_SHORTEST} to {PAYLOAD_LONGEST} long")
    content = payload + crc16(payload).to_bytes(CRC_BYTES, "big")
    escaped = _SPECIAL.sub(lambda match: bytes((ESCAPE, match[0][0] ^ TOGGLE)), content)
    return b"\x7e" + escaped + b"\x7e"


def crc16(data: bytes) -> int:
    """CRC-16, polynomial 0x1021, start 0xFFFF, not reflected: known as CCITT-FALSE and IBM-3740."""
    return binascii.crc_hqx(data, CRC_START)


@dataclass(slots=True)
class FrameCounts:
    """What a parser has seen."""

    good: int = 0
    damaged: int = 0
    """Between two flags, but with a wrong CRC, length or escape."""


class FrameParser:
    """Finds frames in whatever comes from the line, cut anywhere; keeps at most one frame's length of bytes."""

    def __init__(self) -> None:
        self.counts = FrameCounts()
        self._open = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads whose frames end in these bytes, in order."""
        *complete, rest = (self._open + data).split(b"\x7e")
        self._open = rest[: CONTENT_LONGEST + 1]  # one more than a frame may have: too long whatever follows
        payloads = []
        for content in complete:
            payload = _payload(content) if content else None
            if payload is not None:
                payloads.append(payload)
        self.counts.good += len(payloads)
        self.counts.damaged += sum(1 for content in complete if content) - len(payloads)
        return payloads

    def reset(self) -> None:
        """Forget a frame that has begun."""
        self._open = b""


def _payload(content: bytes) -> bytes | None:
    """What stands between two flags, without escapes and CRC; None if it is damaged."""
    if len(content) > CONTENT_LONGEST or _WRONGLY_ESCAPED.search(content):
        return None
    if ESCAPE in content:
        content = _ESCAPED.sub(lambda match: bytes((match[1][0] ^ TOGGLE,)), content)
    payload, crc = content[:-CRC_BYTES], content[-CRC_BYTES:]
    if not PAYLOAD_SHORTEST <= len(payload) <= PAYLOAD_LONGEST or crc16(payload) != int.from_bytes(crc, "big"):
        return None
    return payload
