from collections.abc import Iterator

import pytest
from pages import PASSWORD, LonePage, Visitor, lone_page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LonePage]:
    """The page's process beside a scripted service, for the tests of one file."""
    with lone_page(tmp_path_factory.mktemp("page")) as page:
        yield page


@pytest.fixture(scope="module")
def technician(page: LonePage) -> Visitor:
    """Who set the page up."""
    return Visitor(page.url).set_up(page.process.setup_code)


@pytest.fixture(scope="module")
def operator(page: LonePage, technician: Visitor) -> Visitor:
    """A nurse."""
    account = {"name": "anna", "password": PASSWORD, "role": "operator"}
    assert technician.post("/api/accounts", account).status == 201
    return Visitor(page.url).log_in("anna")
