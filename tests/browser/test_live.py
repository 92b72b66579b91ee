import io
import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from brokers import MOSQUITTO, wait_for
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pages import RunningPage
    from playwright.sync_api import Page

RATE_SCRIPT = """async (seconds) => {
  const video = document.querySelector("canvas.video"), small = new OffscreenCanvas(64, 48);
  const context = small.getContext("2d", { willReadFrequently: true });
  let before = "", pictures = 0;
  const until = performance.now() + 1000 * seconds;
  while (performance.now() < until) {
    await new Promise((next) => setTimeout(next, 15));
    context.drawImage(video, 0, 0, 64, 48);
    const now = context.getImageData(0, 0, 64, 48).data.join();
    pictures += now !== before;
    before = now;
  }
  return pictures / seconds;
}"""
TEXT_BOXES_SCRIPT = """() => [...document.querySelectorAll(".overlays text")].map((text) => {
  const { x, y, width, height } = text.getBoundingClientRect();
  return [x, y, width, height];
})"""
KINDS_SCRIPT = """async () => {
  const { Choice, draw, layersOf } = await import("/static/js/overlays.js");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const holder = document.createElement("div");
  holder.id = "kinds";
  const place = { position: "fixed", left: 0, top: 0, width: "400px", height: "300px", background: "#000" };
  Object.assign(holder.style, place);
  Object.assign(svg.style, { width: "400px", height: "300px" });
  holder.append(svg);
  document.body.append(holder);
  const circle = [...Array(64).keys()].map((step) => step * Math.PI / 32)
    .map((angle) => [300 + 60 * Math.cos(angle), 110 + 60 * Math.sin(angle)]);
  const overlays = [
    { kind: "polygon", label: "a", points: [[20, 50], [180, 50], [180, 200], [20, 200]] },
    { kind: "ellipse", label: "b", points: circle },
    { kind: "line", label: "c", points: [[420, 50], [580, 50]] },
    { kind: "box", label: "d", points: [[620, 50], [680, 200]] },
    { kind: "heatmap", label: "e", points: [[0, 400], [400, 500]], values: [[0.1, 0.9]] },
  ].map((overlay) => ({ values: [], ...overlay }));
  draw(svg, layersOf({ analyses: [{ module: "m", overlays }] }), new Choice(), { x: 0, y: 0, width: 800, height: 600 });
}"""
POINT_TOLERANCE_PX = 2.0
"""Of the page; a line is 2.5 wide, and its dark seam 5.5."""


def freeze(tablet: Any, box: "RunningPage") -> dict[str, Any]:
    """Freeze the picture and wait until its report is shown; returns the report."""
    tablet.page.click("text=Freeze")
    tablet.see(".stage-state .badge.info", has_text="Frozen")
    visitor = box.visitor()

    def held() -> Any:
        return (visitor.get("/api/live").json()["frozen"] or {}).get("report_id")

    wait_for(held, "the frozen picture is analysed", 30)
    tablet.see(f'.report-line a[href="/history/{held()}"]')
    return dict(visitor.get(f"/api/reports/{held()}").json()["report"])


def stage_pixels(page: "Page") -> NDArray[np.uint8]:
    png = page.locator(".frame").screenshot()
    return np.asarray(cv2.imdecode(np.frombuffer(io.BytesIO(png).getvalue(), np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.fixture
def live(box: "RunningPage", use: Callable[..., Any]) -> Any:
    """The live page of the operator, with the first results."""
    tablet = use("nora")
    tablet.open("/live")
    tablet.see(".stage-state .badge.ok", has_text="Live")
    tablet.see(".category-name", has_text="Heart", timeout_ms=60_000)
    tablet.see(".finding")
    yield tablet
    box.card.plug_in()
    box.visitor().post("/api/actions/freeze", {"frozen": False})


def test_live_picture_of_the_echo_cine_runs_at_ten_pictures_a_second_or_more(live: Any) -> None:
    rate_hz = max(live.page.evaluate(RATE_SCRIPT, 4) for _ in range(3))
    live.shoot("live_tablet")
    print(f"{rate_hz:.1f} pictures/s seen in the browser")
    assert rate_hz >= 10


def test_live_page_says_what_it_is_how_sure_and_what_was_measured(live: Any) -> None:
    assert "%" in live.text(".score-value")
    assert live.text(".category .badge") == "Sure"
    assert "Left ventricle" in live.text(".finding-name")
    assert any(letter.isdigit() for letter in live.text(".finding .number"))
    assert live.text(".disclaimer") == "For research use; not for diagnosis"
    for module in live.page.locator(".module").all():
        assert module.locator(".module-state").inner_text()


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_header_says_that_all_is_sent(live: Any) -> None:
    live.see(".sent-state.ok", has_text="All sent")
    live.see(".report-line .badge.ok", has_text="Sent")


def test_overlays_lie_where_the_report_says(live: Any, box: "RunningPage") -> None:
    report = freeze(live, box)
    page = live.page
    live.see(".overlays .shape")
    live.shoot("live_frozen_tablet")
    with_overlays = stage_pixels(page)
    corner = page.locator(".frame").bounding_box()
    names = page.evaluate(TEXT_BOXES_SCRIPT)
    while page.locator(".layers .chip[aria-pressed=true]").count():
        page.locator(".layers .chip[aria-pressed=true]").first.click()
    assert page.locator(".overlays .shape").count() == 0
    without = stage_pixels(page)
    drawn = np.argwhere(np.abs(with_overlays.astype(int) - without.astype(int)).max(axis=2) > 60)[:, ::-1]
    bounds = page.locator("canvas.video").bounding_box()
    scale = np.array([bounds["width"] / report["frame"]["width"], bounds["height"] / report["frame"]["height"]])
    assert abs(scale[0] - scale[1]) < 0.01
    shapes = [
        overlay
        for analysis in report["analyses"]
        for overlay in analysis["overlays"]
        if overlay["kind"] in ("polygon", "line") and analysis["module"] == "left_ventricle"
    ]
    assert {"left_ventricle", "long_axis"} <= {overlay["label"] for overlay in shapes}
    for overlay in shapes:
        for point in np.array(overlay["points"]) * scale:
            away = np.hypot(*(drawn - point).T).min()
            assert away <= POINT_TOLERANCE_PX, f"{overlay['label']}: nothing is drawn within {away:.1f} px of {point}"
    allowed = np.zeros(without.shape[:2], np.uint8)
    for overlay in shapes:
        points = np.round(np.array(overlay["points"]) * scale).astype(np.int32)
        cv2.polylines(allowed, [points], overlay["kind"] == "polygon", 255, 9)
    for x, y, width, height in names:
        left, top = round(x - corner["x"]), round(y - corner["y"])
        cv2.rectangle(allowed, (left - 4, top - 4), (left + round(width) + 4, top + round(height) + 4), 255, -1)
    strayed = [tuple(pixel) for pixel in drawn if not allowed[pixel[1], pixel[0]]]
    assert len(drawn) > 300
    assert strayed == [], "something is drawn where the report has nothing"


def test_every_overlay_can_be_switched_off_and_on(live: Any, box: "RunningPage") -> None:
    freeze(live, box)
    live.see(".overlays .shape")
    for chip in live.page.locator(".layers .chip").all():
        label = chip.get_attribute("data-key").removeprefix("layer-")
        drawn = live.page.locator(f'.overlays g[data-label="{label}"] .shape')
        before = drawn.count() > 0
        assert chip.get_attribute("aria-pressed") == str(before).lower()
        chip.click()
        assert (drawn.count() > 0) != before
        chip.click()
        assert (drawn.count() > 0) == before


def test_every_kind_of_overlay_is_drawn_in_its_place(use: Callable[..., Any]) -> None:
    tablet = use("")
    tablet.open("/")
    tablet.see("h1")
    tablet.page.evaluate(KINDS_SCRIPT)
    pixels = cv2.imdecode(np.frombuffer(tablet.page.locator("#kinds").screenshot(), np.uint8), cv2.IMREAD_COLOR)
    tablet.shoot("overlay_kinds")
    middle = {"polygon": (50, 25), "ellipse": (150, 25), "line": (250, 25), "box": (325, 25)}  # of an upper edge
    for kind, (x, y) in middle.items():
        assert pixels[y - 3 : y + 4, x - 3 : x + 4].max() > 200, f"no {kind} at {x}, {y}"
    assert pixels[60:90, 20:80].max() < 30, "a polygon is not filled"
    weak, strong = pixels[225, 50].astype(int), pixels[225, 150].astype(int)
    assert strong[2] > weak[2] + 80 and strong[2] > strong[0] + 80, "a heatmap is the redder the higher its values"
    assert pixels[225, 250].max() < 30, "a heatmap covers its area alone"


def test_live_picture_is_sent_only_to_those_who_look(live: Any, box: "RunningPage") -> None:
    wait_for(lambda: box.process.viewers == 1, "one viewer", 20)
    live.page.click(".nav-item[href='/health']")
    live.see(".tile")
    wait_for(lambda: box.process.viewers == 0, "no viewer", 20)


def test_frozen_picture_stands_still_and_goes_on(live: Any, box: "RunningPage") -> None:
    freeze(live, box)
    assert live.page.evaluate(RATE_SCRIPT, 2) <= 1
    live.page.click("text=Go live")
    live.see(".stage-state .badge.ok", has_text="Live")
    assert live.page.evaluate(RATE_SCRIPT, 2) > 3


def test_unplugging_the_card_and_a_black_screen_are_told_in_words(live: Any, box: "RunningPage") -> None:
    box.card.unplug()
    live.see(".stage-message .message-title", has_text="No picture")
    live.see(".stage-message .message-hint", has_text="Check the USB cable")
    assert live.page.locator(".overlays .shape").count() == 0
    assert live.page.locator("text=Capture now").is_disabled()
    live.shoot("unplugged_tablet")
    box.card.plug_in()
    live.see(".stage-state .badge.ok", has_text="Live")
    box.card.go_black()
    live.see(".stage-message .message-title", has_text="Empty screen")
    live.shoot("black_screen_tablet")
    box.card.plug_in()
    live.see(".stage-state .badge.ok", has_text="Live")


def test_capture_now_makes_a_report_for_the_page(live: Any, box: "RunningPage") -> None:
    def captured() -> list[Any]:
        reports = box.visitor().get("/api/reports?limit=200").json()["reports"]
        return [report for report in reports if report["trigger"] == "page_capture"]

    before = len(captured())
    live.page.click("text=Capture now")
    live.see(".toast.ok", has_text="Picture captured")
    assert len(captured()) == before + 1


def test_agreeing_with_a_finding_is_kept_and_can_be_withdrawn(live: Any, box: "RunningPage") -> None:
    report = freeze(live, box)
    agree = live.page.locator(".finding .agree").first
    agree.tap()
    live.see(".toast", has_text="you agree with Left ventricle")
    assert agree.get_attribute("aria-pressed") == "true"
    opinions = box.visitor().get(f"/api/reports/{report['report_id']}").json()["opinions"]
    assert [(entry["opinion"], entry["by"]) for entry in opinions] == [("agree", "nora")]
    live.shoot("agreed_tablet")
    live.page.click(".toast >> text=Undo")
    live.see(".toast", has_text="withdrawn")
    assert agree.get_attribute("aria-pressed") == "false"


def test_wrong_category_of_a_frozen_picture_is_changed_in_place(live: Any, box: "RunningPage") -> None:
    freeze(live, box)
    live.page.click(".category-foot button")
    live.page.click("dialog .option:has-text('Nerve')")
    live.page.click("dialog >> text=Analyse as Nerve")
    live.see(".category-name", has_text="Nerve")
    live.see(".category .badge", has_text="Set by a person")
    assert live.page.url.endswith("/live")
    live.shoot("live_overridden_tablet")
    live.page.click("text=Go live")
    live.see(".category", has_text="Chosen by a person (Operator) for this view")  # until the view ends ...
    assert "Nerve" in live.text(".category-name")
    live.shoot("live_chosen_tablet")
    live.page.click("text=Let the box decide")  # ... or this
    live.see(".category-name", has_text="Heart")
    live.see(".score-value")


def test_lost_box_is_told_and_found_again_without_a_touch(live: Any, box: "RunningPage") -> None:
    pid = box.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        started_s = time.monotonic()
        live.see(".banner", has_text="Connection to the box lost")
        print(f"told after {time.monotonic() - started_s:.1f} s")
        assert time.monotonic() - started_s < 12
        live.see(".stage-state .badge.bad", has_text="Not live")
        live.shoot("lost_tablet")
    finally:
        os.kill(pid, signal.SIGCONT)
    live.page.locator(".banner").wait_for(state="hidden")
    live.see(".stage-state .badge.ok", has_text="Live")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: box.process.pid not in (None, pid) and box.process.listening.is_set(), "the page runs again", 60)
    wait_for(lambda: live.page.evaluate(RATE_SCRIPT, 1) > 3, "the picture moves again", 40)
    live.page.locator(".banner").wait_for(state="hidden")
    live.see(".stage-state .badge.ok", has_text="Live")
