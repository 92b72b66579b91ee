import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.framing import CONTENT_LONGEST, FrameParser, crc16, encode_frame

PAYLOADS = st.binary(min_size=3, max_size=64)
SPECIAL = st.lists(st.sampled_from([b"\x7e", b"\x7d", b"\x5e", b"\x5d", b"\x00", b"\xff"]), max_size=200).map(b"".join)
NOISE = st.binary(max_size=300) | SPECIAL


def feed_in_pieces(parser: FrameParser, data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [payload for start, end in itertools.pairwise(edges) for payload in parser.feed(data[start:end])]


def test_crc_is_the_published_one() -> None:
    assert crc16(b"123456789") == 0x29B1


def test_frame_of_a_known_payload_is_this() -> None:
    assert encode_frame(b"\x02\x7e\x00") == bytes.fromhex("7e 02 7d5e 00 89aa 7e")


@given(PAYLOADS)
def test_payload_comes_back_whole_and_escaped(payload: bytes) -> None:
    frame = encode_frame(payload)
    assert frame[0] == frame[-1] == 0x7E and 0x7E not in frame[1:-1]
    assert FrameParser().feed(frame) == [payload]


@given(st.lists(PAYLOADS, max_size=5), st.lists(st.integers(min_value=0), max_size=20))
def test_frames_cut_anywhere_come_back(payloads: list[bytes], cuts: list[int]) -> None:
    data = b"".join(encode_frame(payload) for payload in payloads)
    parser = FrameParser()
    assert feed_in_pieces(parser, data, cuts) == payloads
    assert (parser.counts.good, parser.counts.damaged) == (len(payloads), 0)


@given(st.lists(PAYLOADS, max_size=5))
def test_frames_come_back_one_byte_at_a_time(payloads: list[bytes]) -> None:
    parser = FrameParser()
    data = b"".join(encode_frame(payload) for payload in payloads)
    assert [payload for byte in data for payload in parser.feed(bytes((byte,)))] == payloads


@given(NOISE, PAYLOADS, st.lists(st.integers(min_value=0), max_size=10))
def test_valid_frame_after_any_noise_is_found(noise: bytes, payload: bytes, cuts: list[int]) -> None:
    assert feed_in_pieces(FrameParser(), noise + encode_frame(payload), cuts)[-1:] == [payload]


@given(NOISE, st.lists(st.integers(min_value=0), max_size=10))
def test_cuts_never_change_what_is_found(noise: bytes, cuts: list[int]) -> None:
    whole, pieces = FrameParser(), FrameParser()
    assert whole.feed(noise) == feed_in_pieces(pieces, noise, cuts)
    assert whole.counts == pieces.counts


@given(st.binary(max_size=2000))
@settings(max_examples=50)
def test_parser_keeps_no_more_than_a_frame(soup: bytes) -> None:
    parser = FrameParser()
    for start in range(0, len(soup), 7):
        parser.feed(soup[start : start + 7])
        assert len(parser._open) <= CONTENT_LONGEST + 1


@given(PAYLOADS, st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_one_wrong_bit_never_yields_another_payload(payload: bytes, position: int, bit: int) -> None:
    damaged = bytearray(encode_frame(payload))
    damaged[position % len(damaged)] ^= 1 << bit
    assert set(FrameParser().feed(bytes(damaged))) <= {payload}  # a lost flag at an end leaves the content whole


def test_flag_inside_costs_that_frame_alone() -> None:
    first, second = encode_frame(b"first"), encode_frame(b"second")
    parser = FrameParser()
    assert parser.feed(first[:3] + b"\x7e" + first[3:] + second) == [b"second"]
    assert parser.counts.damaged == 2


@pytest.mark.parametrize(
    "content",
    [b"\x02", b"\x02\x01\x00", b"\x02\x00\x7d", b"\x02\x7d\x41\x00\x00", b"x" * 133, b"x" * 5000],
    ids=["one byte", "too short", "escape at the end", "wrong escape", "too long", "far too long"],
)
def test_what_is_no_frame_is_counted_and_dropped(content: bytes) -> None:
    parser = FrameParser()
    assert parser.feed(b"\x7e" + content + b"\x7e" + encode_frame(b"good")) == [b"good"]
    assert parser.counts.damaged == 1


def test_empty_frames_are_no_error() -> None:
    parser = FrameParser()
    assert parser.feed(b"\x7e" * 50) == []
    assert parser.counts.damaged == 0


@pytest.mark.parametrize("length", [0, 2, 65])
def test_payload_outside_the_limits_is_a_bug(length: int) -> None:
    with pytest.raises(ValueError, match="3 to 64"):
        encode_frame(b"x" * length)


def test_reset_forgets_a_frame_that_has_begun() -> None:
    parser = FrameParser()
    parser.feed(encode_frame(b"begun")[:4])
    parser.reset()
    assert parser.feed(encode_frame(b"whole")) == [b"whole"]


def test_megabyte_of_noise_is_parsed_in_time_that_grows_with_it() -> None:
    noise = random.Random(0).randbytes(1_000_000).replace(b"\x7e", b"\x00")
    parser = FrameParser()
    for start in range(0, len(noise), 100):
        parser.feed(noise[start : start + 100])  # quadratic growth would run into the time limit of the suite
    assert parser.feed(b"\x7e" + encode_frame(b"found")) == [b"found"]
