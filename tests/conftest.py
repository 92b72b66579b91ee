import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from brokers import Mosquitto

from edge_app.store import Store


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, metavar="DIR", help="keep pictures and PDFs of the page here")


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2
    while left := set(threading.enumerate()) - before:
        assert time.monotonic() < deadline, f"the test left threads behind: {left}"
        time.sleep(0.01)


@pytest.fixture
def make_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mosquitto]]:
    """Makes brokers, not yet started, that end with the test."""
    made: list[Mosquitto] = []

    def make(*lines: str, anonymous: bool = True, folder: Path | None = None) -> Mosquitto:
        made.append(Mosquitto(folder or tmp_path_factory.mktemp("mosquitto"), lines, anonymous))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()


@pytest.fixture
def mosquitto(make_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A running broker that anybody on this machine may use."""
    return make_mosquitto().start()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store that is empty."""
    store = Store(tmp_path / "store.sqlite3")
    yield store
    store.close()
