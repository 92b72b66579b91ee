import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from brokers import wait_for

if TYPE_CHECKING:
    from pages import RunningPage


@pytest.fixture
def report_id(box: "RunningPage") -> str:
    """The newest report with a picture of the heart."""
    visitor = box.visitor()

    def newest() -> Any:
        reports = visitor.get("/api/reports?category=us_cardiac&scope=frame").json()["reports"]
        return next((report for report in reports if report["has_picture"]), None)

    wait_for(newest, "a report on the heart with its picture", 60)
    return str(newest()["report_id"])


def test_worklist_is_searched_and_filtered(report_id: str, use: Callable[..., Any]) -> None:
    tablet = use("nora")
    page = tablet.open("/history")
    tablet.see(".row", has_text="Heart")
    tablet.shoot("history_tablet")
    page.fill("#history-search", report_id)
    tablet.count(".row", 1)
    page.fill("#history-search", "nothing has this in it")
    tablet.see(".empty-title", has_text="No report fits this search")
    tablet.shoot("history_no_match_tablet")
    page.click("text=Clear search")
    tablet.see(".row", has_text="Heart")
    page.select_option("#history-category", "us_cardiac")
    page.select_option("#history-time", "today")
    tablet.see(".row", has_text="Heart")
    assert "category=us_cardiac" in page.url
    page.reload()
    tablet.see(".row", has_text="Heart")
    assert page.input_value("#history-category") == "us_cardiac"
    assert set(page.locator(".row-what strong").all_inner_texts()) == {"Heart"}


def test_report_opens_with_picture_overlays_modules_and_json(
    report_id: str, use: Callable[..., Any], box: "RunningPage"
) -> None:
    report = box.visitor().get(f"/api/reports/{report_id}").json()["report"]
    tablet = use("nora")
    page = tablet.open("/history")
    page.click(f'.row[href="/history/{report_id}"]')
    tablet.see(".frame img")
    assert page.evaluate("document.querySelector('.frame img').decode().then(() => true)")
    tablet.see(".category-name", has_text="Heart")
    assert page.locator(".module").count() == len(report["analyses"])
    page.locator(".module summary").first.click()
    tablet.see(".module .pairs dd")
    tablet.shoot("report_tablet")
    page.locator("text=JSON").first.click()
    assert json.loads(tablet.text("pre.json")) == report
    with page.expect_download() as download:
        page.click("a:has-text('Download')")
    assert json.loads(download.value.path().read_text()) == report


def test_overlays_of_a_kept_picture_lie_where_the_report_says(
    report_id: str, use: Callable[..., Any], box: "RunningPage"
) -> None:
    view = box.visitor().get(f"/api/reports/{report_id}").json()
    place = view["picture"]
    tablet = use("nora")
    tablet.open(f"/history/{report_id}")
    tablet.see(".frame img")
    tablet.see('.overlays g[data-label="left_ventricle"] .shape')
    shown = tablet.page.evaluate("""() => {
      const shape = document.querySelector('g[data-label="left_ventricle"] .shape'), matrix = shape.getScreenCTM();
      const image = document.querySelector(".frame img").getBoundingClientRect();
      return [...shape.points].map((point) => point.matrixTransform(matrix)).map(({ x, y }) =>
        [(x - image.x) / image.width, (y - image.y) / image.height]);
    }""")
    overlay = next(
        overlay
        for analysis in view["report"]["analyses"]
        for overlay in analysis["overlays"]
        if overlay["label"] == "left_ventricle"
    )
    assert len(shown) == len(overlay["points"])
    for (x, y), (x_frame, y_frame) in zip(shown, overlay["points"], strict=True):
        assert x * place["width"] + place["x"] == pytest.approx(x_frame, abs=0.5)
        assert y * place["height"] + place["y"] == pytest.approx(y_frame, abs=0.5)


def test_wrong_category_is_changed_by_the_operator_and_kept_in_a_new_report(
    report_id: str, use: Callable[..., Any], box: "RunningPage"
) -> None:
    tablet = use("nora")
    page = tablet.open(f"/history/{report_id}")
    page.click("text=Wrong?")
    tablet.see("dialog h2", has_text="What does the picture show?")
    tablet.shoot("override_tablet")
    page.click("dialog .option:has-text('Liver')")
    page.click("dialog >> text=Analyse as Liver")
    page.wait_for_url(re.compile(f"/history/(?!{report_id})"), timeout=30_000)
    tablet.see(".category-name", has_text="Liver")
    tablet.see(".category .badge", has_text="Set by a person")
    tablet.shoot("overridden_tablet")
    made = box.visitor().get(f"/api/reports/{page.url.rsplit('/', 1)[-1]}").json()["report"]
    assert made["amends"]["report_id"] == report_id
    assert made["amends"]["by_role"] == "operator"
    assert made["classification"]["category"] == "us_liver"
    page.click("text=Open the report before the change")
    page.wait_for_url(f"**/history/{report_id}")
    tablet.see("text=A person changed this")


def test_replay_gives_the_same_result(report_id: str, use: Callable[..., Any]) -> None:
    tablet = use("nora")
    tablet.open(f"/history/{report_id}")
    tablet.page.click("text=Replay")
    tablet.see(".replay .note strong", has_text="The same result again", timeout_ms=100_000)


def test_printed_report_is_one_page(report_id: str, use: Callable[..., Any]) -> None:
    tablet = use("nora")
    page = tablet.open(f"/print/{report_id}?dialog=no")
    tablet.see(".sheet-picture .overlays .shape")
    for name, size in (("a4", {"prefer_css_page_size": True}), ("letter", {"format": "Letter"})):
        pdf = page.pdf(path=tablet.shots / f"report_{name}.pdf", **size)
        assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 1
    text = page.inner_text(".sheet")
    for part in ("Heart", "For research use; not for diagnosis", "Left ventricle", report_id, "Patient label"):
        assert part in text


def test_reports_are_exported_as_json_lines_and_csv(report_id: str, use: Callable[..., Any]) -> None:
    tablet = use("nora")
    page = tablet.open("/history?category=us_cardiac")
    tablet.see(".row")
    page.click("summary:has-text('Export')")
    with page.expect_download() as download:
        page.click("text=JSON Lines")
    lines = [json.loads(line) for line in download.value.path().read_text().splitlines()]
    assert report_id in [report["report_id"] for report in lines]
    assert {report["classification"]["category"] for report in lines} == {"us_cardiac"}
    with page.expect_download() as download:
        page.click("text=CSV")
    head, *rows = download.value.path().read_text().splitlines()
    assert "feature" in head and any("lv_area" in row for row in rows)


def test_report_that_is_not_there_is_told(box: "RunningPage", use: Callable[..., Any]) -> None:
    tablet = use("nora")
    tablet.open("/history/01a20e04-3751-7557-a06a-000000000000")
    tablet.see(".empty-title")
    tablet.see("text=Back to the list")
