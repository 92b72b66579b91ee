"""Sizes, languages, contrast, touch: whether everybody can use the page."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pages import RunningPage

STATIC: Final = Path(__file__).parents[2] / "edge_app/web/static"
AXE: Final = Path(__file__).parents[2] / ".venv/npm/axe-core/axe.min.js"
SIZES: Final = {"phone": (360, 740), "tablet": (1280, 800), "portrait": (800, 1280), "desktop": (1920, 1080)}
READY: Final = {
    "live": ".stage:not(.dim) .overlays .shape",
    "history": ".row",
    "report": ".frame img",
    "health": ".tile",
    "settings": ".setting",
    "people": ".person",
    "sign_in": "[name=password]",
    "print": ".sheet-picture .shape",
}
AXE_SCRIPT: Final = """() => axe.run(document, { resultTypes: ["violations"] })
  .then(({ violations }) => violations.map(({ id, impact, nodes }) =>
    ({ id, impact, where: nodes.map((node) => node.target.join(" ")).slice(0, 5) })))"""
OVERLAP_SCRIPT: Final = """() => {
  const found = [];
  for (const parent of document.querySelectorAll("#content, .panel, .live-picture, .below, .header, .row, .finding")) {
    const parts = [...parent.children].filter((child) => child.checkVisibility() && !child.matches(".visually-hidden"));
    parts.forEach((one, index) => {
      const a = one.getBoundingClientRect();
      const hangs = getComputedStyle(one).overflowY === "visible" && one.scrollHeight - one.clientHeight > 4;
      if (parent.matches("#content, .panel") && hangs) found.push([one.className, "hangs out"]);
      for (const other of parts.slice(index + 1)) {
        const b = other.getBoundingClientRect();
        const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (Math.min(width, height) > 1) found.push([one.className, other.className, width, height]);
      }
    });
  }
  return found;
}"""
TOUCH_SCRIPT: Final = """() => [...document.querySelectorAll(
    "button, select, input, summary, nav a, a.button, a.row, a.note")]
  .filter((element) => element.checkVisibility({ visibilityProperty: true }))
  .filter((element) => getComputedStyle(element).opacity !== "0")
  .map((element) => [element.outerHTML.slice(0, 120), element.getBoundingClientRect()])
  .filter(([, { width, height }]) => Math.min(width, height) < 47.5)
  .map(([html, { width, height }]) => [html, width, height])"""


@pytest.fixture
def paths(box: "RunningPage") -> dict[str, str]:
    """Every page by its name; the report is on a heart."""
    from brokers import wait_for

    visitor = box.visitor()

    def hearts() -> Any:
        reports = visitor.get("/api/reports?category=us_cardiac&scope=frame").json()["reports"]
        return [report["report_id"] for report in reports if report["has_picture"]]

    wait_for(hearts, "a report with its picture", 60)
    report_id = hearts()[0]
    names = ("live", "history", "health", "settings", "people")
    return {
        **{name: f"/{name}" for name in names},
        "report": f"/history/{report_id}",
        "print": f"/print/{report_id}?dialog=no",
        "sign_in": "/",
    }


@pytest.mark.parametrize(("size", "theme", "locale"), [("tablet", "dark", "en-GB"), ("phone", "light", "de-DE")])
@pytest.mark.parametrize("name", list(READY))
def test_axe_finds_nothing_serious(
    paths: dict[str, str], use: Callable[..., Any], name: str, size: str, theme: str, locale: str
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not here: tools/check fetches it with npm")
    tablet = use("" if name == "sign_in" else "tess", SIZES[size], theme, locale)
    page = tablet.open(paths[name])
    tablet.see(READY[name], timeout_ms=60_000)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    violations = page.evaluate(AXE_SCRIPT)
    print(name, size, theme, violations)
    assert [entry for entry in violations if entry["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("size", list(SIZES))
def test_every_page_fits_and_can_be_touched_with_gloves(
    paths: dict[str, str], use: Callable[..., Any], size: str
) -> None:
    for locale in ("en-GB", "de-DE"):
        tablet = use("tess", SIZES[size], locale=locale)
        for name in ("live", "history", "report", "health", "settings", "people"):
            page = tablet.open(paths[name])
            tablet.see(READY[name], timeout_ms=60_000)
            tablet.shoot(f"{name}_{size}_{locale[:2]}")
            assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0], name
            content = page.evaluate("[content.scrollWidth, content.clientWidth]")
            assert content[0] <= content[1], f"{name} is wider than its room"
            assert page.evaluate(TOUCH_SCRIPT) == [], name
            assert page.evaluate(OVERLAP_SCRIPT) == [], f"{name}: parts lie on one another"
            tablet.see(".disclaimer")
            tablet.see(".sent-state")


def test_page_can_be_used_with_keys_alone(paths: dict[str, str], use: Callable[..., Any]) -> None:
    tablet = use("nora")
    page = tablet.open("/live")
    tablet.see(".finding", timeout_ms=60_000)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.innerText || document.activeElement.getAttribute('aria-label')"))
    assert {"History", "Freeze", "Capture now", "Left ventricle"} <= seen
    page.locator(".category-foot button").focus()
    page.keyboard.press("Enter")
    tablet.see("dialog[open]")
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")


def test_light_and_german_are_remembered(paths: dict[str, str], use: Callable[..., Any]) -> None:
    tablet = use("nora")
    page = tablet.open("/health")
    page.click(".account")
    page.click("dialog >> text=Deutsch")
    tablet.see("h1", has_text="Zustand der Box")
    assert page.evaluate("document.documentElement.lang") == "de"
    page.goto(tablet.url + paths["report"])
    tablet.see(".category-name", has_text="Herz")
    assert re.search(r"\d\d\.\d\d\.\d{4}", tablet.text(".page-head h1"))


def test_every_text_has_both_languages_and_every_used_text_is_there(use: Callable[..., Any]) -> None:
    texts = (STATIC / "js/texts.js").read_text(encoding="utf-8")
    pairs = re.findall(r'^  "([a-z_0-9.]+)": \[(.*)\],$', texts, re.MULTILINE)
    assert len(pairs) > 200
    for key, pair in pairs:
        english, german = re.fullmatch(r'"((?:[^"\\]|\\.)+)", "((?:[^"\\]|\\.)+)"', pair).groups()  # type: ignore[union-attr]
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", german)), key
    known = {key for key, _ in pairs}
    for path in (STATIC / "js").rglob("*.js"):
        code = path.read_text(encoding="utf-8")
        used = re.findall(r'\bt\("([a-z_0-9.]+)"', code)
        used += [key + ending for key in re.findall(r'plural\("([a-z_0-9.]+)"', code) for ending in ("_one", "_other")]
        assert set(used) <= known, path.name


def test_page_is_small_and_asks_nobody_else(paths: dict[str, str], use: Callable[..., Any]) -> None:
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    print(f"{total} bytes in {len(files)} files")
    assert total < 200_000
    tablet = use("nora")
    asked: list[str] = []
    tablet.page.on("request", lambda request: asked.append(request.url))
    tablet.open("/live")
    tablet.see(".finding", timeout_ms=60_000)
    assert asked and all(url.startswith((tablet.url, "blob:", "data:")) for url in asked)
