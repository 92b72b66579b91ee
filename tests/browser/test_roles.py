from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pages import PASSWORD, Visitor

if TYPE_CHECKING:
    from pages import RunningPage


@pytest.mark.parametrize("path", ["/settings", "/people"])
def test_operator_cannot_open_pages_of_technicians(box: "RunningPage", use: Callable[..., Any], path: str) -> None:
    tablet = use("nora")
    page = tablet.open("/health")
    tablet.see(".tile")
    assert page.locator(f'.nav-item[href="{path}"]').count() == 0
    tablet.open(path)
    tablet.see(".empty-title", has_text="Only for technicians")
    tablet.shoot(f"refused_{path.strip('/')}_tablet")
    assert page.locator(".setting, .person").count() == 0
    for asked in ("/api/config", "/api/accounts"):
        assert page.evaluate("(path) => fetch(path).then((answer) => answer.status)", asked) == 403


def test_technician_adds_changes_and_removes_a_person(box: "RunningPage", use: Callable[..., Any]) -> None:
    tablet = use("tess")
    page = tablet.open("/people")
    tablet.see(".person", has_text="nora")
    page.click("text=Add a person")
    page.fill("dialog [name=name]", "mia")
    page.fill("dialog [name=password]", PASSWORD)
    tablet.shoot("people_add_tablet")
    page.click("dialog [type=submit]")
    tablet.see(".person", has_text="mia")
    assert Visitor(box.url).log_in("mia").get("/api/config").status == 403
    mia = page.locator(".person", has_text="mia")
    mia.locator("text=Make Technician").click()
    mia.locator(".tag.technician").wait_for()
    assert Visitor(box.url).log_in("mia").get("/api/config").status == 200
    mia.locator("text=New password").click()
    page.fill("dialog [name=password]", "another long one")
    page.click("dialog [type=submit]")
    tablet.see(".toast", has_text="mia is changed")
    assert Visitor(box.url).log_in("mia", "another long one").cookie
    mia.locator("text=Remove").click()
    page.click("dialog .danger")
    mia.wait_for(state="detached")
    tablet.shoot("people_tablet")


def test_settings_are_shown_with_their_meaning_and_tests_work(box: "RunningPage", use: Callable[..., Any]) -> None:
    tablet = use("tess")
    page = tablet.open("/settings")
    tablet.see(".setting")
    page.click("text=Take a test picture")
    tablet.see(".test-picture")
    page.click("text=Blink the lamp")
    tablet.see(".test-result .note.bad", has_text="controller")
    tablet.shoot("settings_tablet")
    page.fill("[type=search]", "mask_text")
    tablet.count(".setting", 1)
    assert "Blacken" in tablet.text(".setting-meaning")


def test_health_shows_the_parts_and_draws_the_last_hours(box: "RunningPage", use: Callable[..., Any]) -> None:
    tablet = use("nora")
    tablet.open("/health")
    tablet.see(".tile", has_text="Capture")
    tablet.see(".plot", has_text="Pictures per second")
    tablet.see("table td")
    tablet.see(".plot .curve", timeout_ms=60_000)
    tablet.shoot("health_tablet")
    assert len(tablet.page.locator(".tile").all()) >= 8
    box.card.unplug()
    tablet.see(".tile.bad", has_text="Check the USB cable")
    tablet.shoot("health_unplugged_tablet")
    box.card.plug_in()


def test_who_is_signed_out_elsewhere_is_asked_to_sign_in_again(box: "RunningPage", use: Callable[..., Any]) -> None:
    tablet = use("nora")
    tablet.open("/live")
    tablet.see(".nav-item")
    changed = box.visitor().send("PUT", "/api/accounts/nora", {"password": PASSWORD})
    assert changed.status == 200
    tablet.see("h1", has_text="Sign in")
    tablet.see("text=Your session has ended")
