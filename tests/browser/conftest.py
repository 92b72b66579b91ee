"""The page in a real browser: Debian's chromium, the whole service, and a capture card that plays a real echo cine."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from brokers import MOSQUITTO, Mosquitto
from numpy.typing import NDArray

from edge_app.sources.fake_capture_card import FakeCaptureCard

if TYPE_CHECKING:
    from pages import RunningPage
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

CHROMIUM: Final = shutil.which("chromium")
AXE: Final = Path(__file__).parents[2] / ".venv/npm/axe-core/axe.min.js"
CINE: Final = "color3d_jpeg_baseline.dcm"
PHONE, TABLET, DESKTOP = (360, 740), (1280, 800), (1920, 1080)
OPERATOR: Final = "nora"
WAIT_MS: Final = 20_000
"""On a busy machine the page may take so long."""


@pytest.fixture(scope="module", autouse=True)
def _no_thread_is_left_behind() -> Iterator[None]:
    """As everywhere, but for a module: service and browser, whose threads come and go, last so long."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while left := set(threading.enumerate()) - before:
        assert time.monotonic() < deadline, f"threads are left behind: {left}"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def cine() -> list[NDArray[np.uint8]]:
    """120 pictures of a SonoSite echo cine, shape (480, 640, 3), BGR."""
    pytest.importorskip("data_store", reason="the cine comes from pydicom-data")
    from pydicom.data import get_testdata_file

    from edge_app.sources.dicom_files import DicomFile

    with DicomFile(Path(str(get_testdata_file(CINE, download=False)))) as source:
        return [frame.pixels for frame in source.frames()]


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """A browser without a window."""
    api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def fresh_box(
    chromium: "Browser", cine: list[NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[RunningPage]":
    """The service with its page, never set up, on the cine; with a broker if mosquitto is installed."""
    pytest.importorskip("starlette", reason="pip install 'edge-cad[web]'")
    from pages import running_page

    folder = tmp_path_factory.mktemp("box")
    broker = None if MOSQUITTO is None else Mosquitto(folder).start()
    try:
        card = FakeCaptureCard(cine)
        port = 1 if broker is None else broker.port
        with running_page(folder, card, port, analysis={"interval_s": 1.0}) as page:
            yield page
    finally:
        if broker is not None:
            broker.kill()


@pytest.fixture(scope="module")
def box(fresh_box: "RunningPage") -> "RunningPage":
    """The same, with a technician (``tess``) and an operator (``nora``)."""
    from pages import PASSWORD

    answer = fresh_box.visitor().post("/api/accounts", {"name": OPERATOR, "password": PASSWORD, "role": "operator"})
    assert answer.status == 201, answer.body
    return fresh_box


@dataclass
class Tablet:
    """One person's browser: opens pages, and keeps what went wrong on them."""

    page: "Page"
    url: str
    shots: Path
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> "Page":
        self.page.goto(self.url + path)
        return self.page

    def see(self, selector: str, timeout_ms: float = WAIT_MS, **options: Any) -> None:
        """Wait until something is visible."""
        self.page.locator(selector, **options).first.wait_for(state="visible", timeout=timeout_ms)

    def count(self, selector: str, wanted: int) -> None:
        """Wait until so many are there."""
        deadline = time.monotonic() + WAIT_MS / 1000
        while (found := self.page.locator(selector).count()) != wanted:
            assert time.monotonic() < deadline, f"{found} of {selector}, not {wanted}"
            self.page.wait_for_timeout(50)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()

    def shoot(self, name: str) -> bytes:
        """Keep a picture of the page."""
        return self.page.screenshot(path=self.shots / f"{name}.png")


@pytest.fixture(scope="session")
def shots(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: ``--screenshots DIR``, or the test's own folder."""
    folder = request.config.getoption("--screenshots") or tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return Path(folder)


@pytest.fixture
def use(chromium: "Browser", fresh_box: "RunningPage", shots: Path) -> Iterator[Callable[..., Tablet]]:
    """Opens browsers: ``use("nora", PHONE, theme="light", locale="de-DE")``; "" is nobody."""
    contexts: list[tuple[BrowserContext, Tablet]] = []

    def make(name: str = "tess", size: tuple[int, int] = TABLET, theme: str = "dark", locale: str = "en-GB") -> Tablet:
        from pages import Visitor

        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, locale=locale, has_touch=True, accept_downloads=True
        )
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(f"localStorage.setItem('edge-cad.theme', '{theme}')")
        if name:
            cookie_name, _, value = Visitor(fresh_box.url).log_in(name).cookie.partition("=")
            context.add_cookies([{"name": cookie_name, "value": value, "url": fresh_box.url}])
        tablet = Tablet(context.new_page(), fresh_box.url.rstrip("/"), shots)

        def keep_message(message: "ConsoleMessage") -> None:
            if message.type in ("error", "warning"):
                tablet.problems.append(f"{message.text} {message.location}")

        tablet.page.on("console", keep_message)
        tablet.page.on("pageerror", lambda error: tablet.problems.append(str(error)))
        contexts.append((context, tablet))
        return tablet

    yield make
    for context, _ in contexts:
        context.close()
    problems = [
        problem for _, tablet in contexts for problem in tablet.problems if "Failed to load resource" not in problem
    ]
    assert problems == [], "the browser's console says"
