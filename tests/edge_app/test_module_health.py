from edge_app.breaker import BreakerChange
from edge_app.module_health import breaker_event, modules_health


def test_health_names_the_modules_that_are_switched_off_and_why() -> None:
    health = modules_health({"b_lines": "failed 3 times in a row"}, skipped=4)
    assert (health.state, health.unavailable, health.skipped) == ("reduced", ("b_lines",), 4)
    assert "b_lines" in health.reason and "3 times" in health.reason
    assert (modules_health({}, 0).state, modules_health({}, 0).reason) == ("ok", "")


def test_events_say_that_a_breaker_opened_and_closed() -> None:
    opened = breaker_event("cart-7", BreakerChange("b_lines", True, "failed 3 times in a row", 30.0))
    assert opened.kind == "breaker_open" and "tried again in 30 s" in opened.text
    assert opened.details == {"module": "b_lines", "pause_s": 30.0}
    closed = breaker_event("cart-7", BreakerChange("b_lines", False, "works again"))
    assert (closed.kind, closed.text) == ("breaker_closed", "b_lines works again")
