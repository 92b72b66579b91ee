from firmware_bridge.ledger import EventLedger


def test_repeats_and_gaps_are_counted() -> None:
    ledger = EventLedger()
    ledger.begin_session(5, 0, 1, 100)
    assert [ledger.take(counter) for counter in (1, 2, 2, 5, 4, 6)] == [True, True, False, True, False, True]
    assert (ledger.lost, ledger.repeated, ledger.last_taken) == (2, 2, 6)


def test_events_before_the_first_greeting_of_a_started_controller_are_a_gap() -> None:
    ledger = EventLedger()
    assert not ledger.begin_session(5, 0, 9, 100)
    ledger.take(9)
    assert ledger.lost == 8


def test_events_that_another_host_took_are_not_lost() -> None:
    ledger = EventLedger()
    ledger.begin_session(5, 77, 9, 100)
    ledger.take(9)
    assert (ledger.lost, ledger.resets) == (0, 0)


def test_same_start_goes_on_counting() -> None:
    ledger = EventLedger()
    ledger.begin_session(5, 0, 1, 100)
    ledger.take(1)
    assert ledger.begin_session(6, 5, 2, 200)
    assert not ledger.take(1) and ledger.take(3)
    assert (ledger.lost, ledger.repeated, ledger.resets) == (1, 1, 0)


def test_reset_begins_anew_and_counts_what_it_took() -> None:
    ledger = EventLedger()
    ledger.begin_session(5, 0, 1, 100)
    ledger.take(1)
    ledger.hear(4, 1000)
    assert not ledger.begin_session(6, 0, 1, 50)
    assert (ledger.lost, ledger.resets) == (3, 1)
    assert ledger.take(1)


def test_session_of_ours_with_a_clock_that_began_anew_is_a_reset() -> None:
    """A late copy of an old greeting reached a controller that had been reset."""
    ledger = EventLedger()
    ledger.begin_session(5, 0, 1, 100)
    ledger.hear(0, 1_000_000)
    assert not ledger.begin_session(6, 5, 1, 2_000)
    assert ledger.resets == 1
