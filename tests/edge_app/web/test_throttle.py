from edge_app.web.throttle import FREE_FAILURES, LONGEST_WAIT_S, REMEMBERED, Throttle


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_few_wrong_tries_cost_nothing() -> None:
    throttle = Throttle(Clock())
    for _ in range(FREE_FAILURES - 1):
        throttle.failed("account anna")
    assert throttle.wait_s("account anna") == 0


def test_waits_double_and_end() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    waits = []
    for _ in range(FREE_FAILURES + 20):
        throttle.failed("a")
        waits.append(throttle.wait_s("a"))
    waits = [wait for wait in waits if wait]
    assert waits[:3] == [2.0, 4.0, 8.0] and waits[-1] == LONGEST_WAIT_S
    clock.now += LONGEST_WAIT_S
    assert throttle.wait_s("a") == 0


def test_keys_count_by_themselves_and_the_longest_wait_holds() -> None:
    throttle = Throttle(Clock())
    for _ in range(FREE_FAILURES + 2):
        throttle.failed("address 10.0.0.9", "account anna")
    assert throttle.wait_s("address 10.0.0.1", "account ben") == 0
    assert throttle.wait_s("address 10.0.0.1", "account anna") == 8.0


def test_success_begins_anew() -> None:
    throttle = Throttle(Clock())
    for _ in range(FREE_FAILURES + 2):
        throttle.failed("a")
    throttle.succeeded("a")
    assert throttle.wait_s("a") == 0


def test_failures_are_forgotten_after_an_hour() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(FREE_FAILURES + 9):
        throttle.failed("a")
    clock.now += 3601
    throttle.failed("a")
    assert throttle.wait_s("a") == 0


def test_memory_has_a_limit_and_a_busy_address_is_not_forgotten() -> None:
    throttle = Throttle(Clock())
    for number in range(2 * REMEMBERED):
        throttle.failed("address 10.0.0.9", f"account {number}")
    assert len(throttle._failures) == REMEMBERED
    assert throttle.wait_s("address 10.0.0.9") == LONGEST_WAIT_S
