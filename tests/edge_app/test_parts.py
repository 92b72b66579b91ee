import pytest
from fakes.reports import make_status

from edge_app import parts
from edge_app.config import Config
from edge_app.errors import PageError


def test_page_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "packages_missing", lambda: ["uvicorn"])
    with pytest.raises(PageError, match=r"needs uvicorn: pip install 'edge-cad\[web\]'"):
        parts.make_page(Config(), make_status(), None, None)  # type: ignore[arg-type]
