from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pages import RunningPage


def test_first_start_makes_a_technician_and_shows_the_live_picture(
    fresh_box: "RunningPage", use: Callable[..., Any]
) -> None:
    tablet = use("")
    page = tablet.open("/")
    tablet.see("h1", has_text="First start")
    tablet.see(".disclaimer", has_text="For research use; not for diagnosis")
    tablet.shoot("first_start_tablet")

    page.fill("[name=code]", "0000-0000")
    page.fill("[name=name]", "tess")
    page.fill("[name=password]", "gel and gloves")
    page.click("[type=submit]")
    tablet.see(".problem")
    tablet.shoot("first_start_wrong_code")

    page.fill("[name=code]", fresh_box.setup_code)
    page.click("[type=submit]")
    tablet.see(".stage-state .badge.ok", has_text="Live")
    tablet.see(".nav-item", has_text="People")
    fresh_box.process.setup_code = ""

    page.click(".account")
    page.click("text=Sign out")
    tablet.see("h1", has_text="Sign in")
    page.fill("[name=name]", "tess")
    page.fill("[name=password]", "something else")
    page.click("[type=submit]")
    tablet.see(".problem", has_text="Name or password is wrong")
    tablet.shoot("sign_in_wrong_password")
    page.fill("[name=password]", "gel and gloves")
    page.press("[name=password]", "Enter")
    tablet.see(".stage-state .badge.ok", has_text="Live")


def test_setup_code_in_the_address_is_filled_in(use: Callable[..., Any], fresh_box: "RunningPage") -> None:
    tablet = use("")
    tablet.page.route(
        "**/api/session",
        lambda route: route.fulfill(
            json={"setup_needed": True, "account": None, "csrf_token": None, "device_id": None, "software": "edge-cad"}
        ),
    )
    tablet.open("/#setup=1234-5678")
    tablet.see("h1", has_text="First start")
    assert tablet.page.input_value("[name=code]") == "1234-5678"
