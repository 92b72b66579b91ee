import subprocess
import sys

import pytest
from brokers import same_path
from fakes.reports import make_status

from edge_app import parts
from edge_app.config import Config
from edge_app.errors import PageError


def test_page_without_its_packages_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "packages_missing", lambda: ["uvicorn"])
    with pytest.raises(PageError, match=r"needs uvicorn: pip install 'edge-cad\[web\]'"):
        parts.make_page(Config(), make_status(), None, None)  # type: ignore[arg-type]


def test_service_and_command_line_need_none_of_the_pages_packages() -> None:
    without = "import sys; sys.modules |= dict.fromkeys(('starlette', 'uvicorn', 'argon2'))"
    script = f"{without}; import edge_app.app, edge_app.cli, edge_app.doctor"
    subprocess.run([sys.executable, "-c", script], check=True, env=same_path())
