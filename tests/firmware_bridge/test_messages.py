from dataclasses import fields
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.codes import Capability, EventKind, Lamp, NakReason, PinRole, ResetCause
from firmware_bridge.errors import BadMessage
from firmware_bridge.messages import (
    HEADER,
    MESSAGES,
    PAYLOAD_LONGEST,
    Ack,
    Buzz,
    ControllerEvent,
    Heartbeat,
    Hello,
    Message,
    Nak,
    Ping,
    Pong,
    SetLamp,
    SetPin,
    SetRelay,
    SetTiming,
    Welcome,
    decode,
    encode,
)

WELCOME = Welcome(1, Capability.LAMP, 5, 2, ResetCause.WATCHDOG, 3, 1000, 1, 2, 3, 77, 9, 1000, 1010, b"board")
EXAMPLES: list[Message] = [
    *(Hello(1, 2, 0xDEADBEEF), Ping(), SetLamp(Lamp.NOT_SURE), Buzz(2000, 100), SetRelay(1, 1)),
    *(SetPin(3, PinRole.PROBE, 1, 20), SetTiming(1000, 400), WELCOME, Pong(5, 7), Ack(3)),
    *(Nak(3, NakReason.BAD_VALUE, 0, 0), ControllerEvent(1, 2, 3, EventKind.TEMPERATURE, -40)),
    Heartbeat(1, 2, 3, Lamp.FAULT, 1),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
@given(sequence=st.integers(min_value=0, max_value=65535))
def test_message_comes_back_as_it_was(message: Message, sequence: int) -> None:
    assert decode(encode(message, sequence)) == (message, sequence)


def test_every_message_has_a_kind_of_its_own_and_fits_a_frame() -> None:
    assert len(MESSAGES) == 14
    for kind in MESSAGES.values():
        assert kind.LAYOUT.size + HEADER.size <= PAYLOAD_LONGEST
        assert len(fields(kind)) == len(kind.LAYOUT.unpack(bytes(kind.LAYOUT.size)))


def test_bytes_are_those_of_the_protocol() -> None:
    assert encode(Hello(1, 1, 0x01020304), 9).hex() == "010900010104030201"
    assert encode(SetPin(2, PinRole.EXPOSURE, 1, 5), 10).hex() == "060a0002030105"
    assert encode(ControllerEvent(1, 2, 3, EventKind.EXPOSURE_END, -1), 0).hex() == (
        "850000" "01000000" "02000000" "0300000000000000" "07" "ffffffff"
    )  # fmt: skip
    assert len(encode(WELCOME, 0)) == 51


@given(st.binary(max_size=80))
def test_any_payload_is_a_message_or_refused(payload: bytes) -> None:
    try:
        message, sequence = decode(payload)
    except BadMessage:
        return
    assert encode(message, sequence)[:3] == payload[:3]


@given(st.sampled_from(sorted(MESSAGES)), st.data())
def test_every_body_of_the_right_length_is_a_message_or_refused(kind: int, data: Any) -> None:
    body = data.draw(st.binary(min_size=MESSAGES[kind].LAYOUT.size, max_size=MESSAGES[kind].LAYOUT.size))
    try:
        message, _ = decode(HEADER.pack(kind, 1) + body)
    except BadMessage as error:
        assert MESSAGES[kind].__name__ in str(error)
        return
    assert isinstance(message, MESSAGES[kind])
    assert get_type_hints(MESSAGES[kind])["KIND"]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ("00", "bytes"),
        ("7f0100", "no message of kind 0x7f"),
        ("030100", "SetLamp of 0 bytes instead of 1"),
        ("03010005", "no Lamp 5"),
        ("0401006300f401", "frequency_hz is 99"),
        ("0601000806010a", "pin is 8"),
        ("010100020104030201", "max_version is 1"),
        ("01010001010000" + "0000", "session is 0"),
    ],
)
def test_what_is_outside_the_limits_is_refused_with_its_field(payload: str, why: str) -> None:
    with pytest.raises(BadMessage, match=why):
        decode(bytes.fromhex(payload))


def test_values_of_a_later_firmware_are_kept_as_numbers() -> None:
    event, _ = decode(encode(ControllerEvent(1, 2, 3, 200, 0), 0))
    assert isinstance(event, ControllerEvent) and event.event == 200 and not isinstance(event.event, EventKind)
    nak, _ = decode(encode(Nak(3, 99, 0, 0), 0))
    assert isinstance(nak, Nak) and nak.reason == 99
    payload = bytearray(encode(WELCOME, 0))
    payload[5] |= 0x80  # a capability
    payload[8] = 77  # a reset cause
    welcome, _ = decode(bytes(payload))
    assert isinstance(welcome, Welcome) and welcome.reset_cause == ResetCause.UNKNOWN
    assert welcome.capabilities == Capability.LAMP


def test_name_that_is_not_printable_is_refused() -> None:
    payload = encode(WELCOME, 0).replace(b"board", b"bo\x1brd")
    with pytest.raises(BadMessage, match="printable"):
        decode(payload)
