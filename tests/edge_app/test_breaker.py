from edge_app.breaker import FAILURES, FIRST_PAUSE_S, LONGEST_PAUSE_S, BreakerChange, Breakers


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def made() -> tuple[Breakers, Clock, list[BreakerChange]]:
    changes: list[BreakerChange] = []
    clock = Clock()
    return Breakers(changes.append, clock), clock, changes


def fail(breakers: Breakers, times: int = FAILURES) -> None:
    for _ in range(times):
        breakers.record("b_lines", "no answer within 5 s")


def test_failures_in_a_row_open_a_breaker_and_it_is_told_once() -> None:
    breakers, _, changes = made()
    fail(breakers, FAILURES - 1)
    assert breakers.refusal("b_lines") == "" and not changes
    fail(breakers, 1)
    assert "no answer within 5 s" in breakers.refusal("b_lines") and "30 s" in breakers.refusal("b_lines")
    assert [(change.module, change.open, change.pause_s) for change in changes] == [("b_lines", True, FIRST_PAUSE_S)]
    assert list(breakers.open_now()) == ["b_lines"]


def test_an_answer_between_failures_starts_the_count_anew() -> None:
    breakers, _, changes = made()
    for _ in range(5):
        fail(breakers, FAILURES - 1)
        breakers.record("b_lines")
    assert not changes


def test_after_its_pause_a_module_is_on_probation_and_an_answer_closes_its_breaker() -> None:
    breakers, clock, changes = made()
    fail(breakers)
    clock.now_s += FIRST_PAUSE_S
    assert breakers.refusal("b_lines") == ""
    assert list(breakers.open_now()) == ["b_lines"]
    breakers.record("b_lines")
    assert breakers.open_now() == {}
    assert [change.open for change in changes] == [True, False]
    fail(breakers)
    assert changes[-1].pause_s == FIRST_PAUSE_S, "after it worked, its pauses begin anew"


def test_each_failure_on_probation_doubles_the_pause_up_to_the_longest() -> None:
    breakers, clock, changes = made()
    fail(breakers)
    for _ in range(10):
        clock.now_s += changes[-1].pause_s
        assert breakers.refusal("b_lines") == ""
        fail(breakers, 1)
        assert breakers.refusal("b_lines") != ""
    pauses_s = [change.pause_s for change in changes]
    assert pauses_s[:3] == [30, 60, 120] and pauses_s[-1] == LONGEST_PAUSE_S


def test_one_modules_breaker_is_not_anothers() -> None:
    breakers, _, _ = made()
    fail(breakers)
    assert breakers.refusal("a_lines") == ""
