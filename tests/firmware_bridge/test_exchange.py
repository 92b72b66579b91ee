from firmware_bridge.codes import Lamp, NakReason
from firmware_bridge.exchange import TIMEOUT_LONGEST_NS, TIMEOUT_SHORTEST_NS, AckTimeout, Exchange, Outcome
from firmware_bridge.messages import Ack, Hello, Nak, Ping, Pong, SetLamp

MS = 1_000_000


def test_timeout_follows_the_round_trips_and_stays_in_its_limits() -> None:
    timeout = AckTimeout()
    unknown = timeout.timeout_ns(1)
    for _ in range(50):
        timeout.take(2 * MS)
    assert timeout.timeout_ns(1) == TIMEOUT_SHORTEST_NS < unknown
    for _ in range(50):
        timeout.take(60 * MS)
    assert 60 * MS < timeout.timeout_ns(1) < 200 * MS
    for _ in range(50):
        timeout.take(5_000 * MS)
    assert timeout.timeout_ns(1) == TIMEOUT_LONGEST_NS


def test_each_wait_is_twice_the_one_before() -> None:
    timeout = AckTimeout()
    timeout.take(10 * MS)
    waits = [timeout.timeout_ns(tries) for tries in range(1, 20)]
    assert waits[1] == 2 * waits[0] and waits[2] == 4 * waits[0] and waits[-1] == TIMEOUT_LONGEST_NS


def test_answer_is_known_by_sequence_and_kind() -> None:
    command = Exchange(SetLamp(Lamp.OFF), 7, None, 0)
    assert command.is_answered_by(Ack(SetLamp.KIND), 7)
    assert command.is_answered_by(Nak(SetLamp.KIND, NakReason.BAD_VALUE, 0, 0), 7)
    assert not command.is_answered_by(Ack(SetLamp.KIND), 6)
    assert not command.is_answered_by(Ack(5), 7)
    assert not command.is_answered_by(Pong(1, 2), 7)
    ping = Exchange(Ping(), 8, None, 0)
    assert ping.is_answered_by(Pong(1, 2), 8) and not ping.is_answered_by(Ack(Ping.KIND), 8)


def test_every_try_is_the_same_bytes_and_a_greeting_never_gives_up() -> None:
    timeout = AckTimeout()
    command, hello = Exchange(SetLamp(Lamp.OFF), 7, None, 0), Exchange(Hello(1, 1, 5), 8, None, 0)
    assert len({command.send(timeout, number) for number in range(6)}) == 1
    for number in range(20):
        hello.send(timeout, number)
    assert command.exhausted and not hello.exhausted


def test_outcome_is_told_once_with_its_figures() -> None:
    told: list[Outcome] = []
    command = Exchange(SetLamp(Lamp.OFF), 7, told.append, 10 * MS)
    command.send(AckTimeout(), 10 * MS)
    command.finish("done", "", 14 * MS)
    assert told == [Outcome("done", "", 4 * MS, 1)]
