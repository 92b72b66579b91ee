import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_app.web.guard import leaves


@pytest.mark.parametrize(
    "path",
    [
        "/static/../accounts.sqlite3",
        "/static/%2e%2e/accounts.sqlite3",
        "/static/%252e%252e/x",
        "/static/..%2fx",
        "/static/..%5cx",
        "/static/%25%32%65%25%32%65/x",
        "/..",
        "//etc/passwd",
        "/static/a\\..\\b",
        "/static/a%00.css",
        "/static/%0a",
    ],
)
def test_paths_that_lead_upwards_are_seen_however_they_are_written(path: str) -> None:
    assert leaves(path)


@pytest.mark.parametrize(
    "path", ["/", "/static/js/app.js", "/api/reports/0193-7000", "/static/a..b.css", "/history/", "/static/%C3%A4.svg"]
)
def test_other_paths_pass(path: str) -> None:
    assert not leaves(path)


@given(st.text(max_size=60))
def test_every_path_gets_an_answer(path: str) -> None:
    assert leaves("/" + path) in (True, False)
