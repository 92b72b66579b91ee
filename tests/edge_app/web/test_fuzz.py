import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from brokers import need
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import LonePage, Visitor, make_frame

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
WITHOUT_END = r"^/api/(stream|live\.frames|live\.mjpeg)$"
SIGNS_OUT = r"^/api/logout$"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "unsupported_method",
)


@contextmanager
def pictures_come(page: LonePage) -> Iterator[None]:
    """As from a capture card."""
    stopping = threading.Event()

    def show() -> None:
        while not stopping.wait(1 / 30):
            page.process.show(make_frame())

    thread = threading.Thread(target=show)
    thread.start()
    yield
    stopping.set()
    thread.join()


@pytest.mark.timeout(300)
def test_api_does_what_its_document_says_and_never_fails(page: LonePage, technician: Visitor, tmp_path: Path) -> None:
    """Schemathesis makes a thousand right and wrong requests from the OpenAPI document."""
    need(SCHEMATHESIS if SCHEMATHESIS.exists() else None, "schemathesis", "pip install 'edge-cad[dev]'")
    command = [
        SCHEMATHESIS, "--no-color", "run", f"{page.url}api/openapi.json",
        "--header", f"Cookie: {technician.cookie}", "--header", f"X-CSRF-Token: {technician.csrf_token}",
        "--exclude-path-regex", f"{WITHOUT_END}|{SIGNS_OUT}", "--checks", ",".join(CHECKS),
        "--max-examples", "8", "--phases", "examples,coverage,fuzzing", "--seed", "1", "--request-timeout", "30",
        "--suppress-health-check", "all",
    ]  # fmt: skip
    with pictures_come(page):
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    (tested,) = re.findall(r"(\d+) generated", done.stdout)
    assert int(tested) > 500


@settings(max_examples=150, deadline=None)
@given(garbage=st.binary(max_size=300))
def test_garbage_instead_of_http_does_no_harm(page: LonePage, garbage: bytes) -> None:
    parts = urlsplit(page.url)
    with socket.create_connection((parts.hostname, parts.port), 5) as connection:
        connection.sendall(garbage)
    assert Visitor(page.url).get("/api/alive").status == 200


TEXT = st.text(max_size=80) | st.sampled_from(["' OR 1=1 --", "tess\x00", "../../x", "${jndi:ldap://x}", "\u202e"])


@settings(max_examples=100, deadline=None)
@given(name=TEXT, password=TEXT, more=st.dictionaries(st.text(max_size=8), st.integers(), max_size=2))
def test_fuzzed_logins_are_refused_and_never_an_error_of_the_page(
    page: LonePage, name: str, password: str, more: dict[str, int]
) -> None:
    answer = Visitor(page.url).post("/api/login", {"name": name, "password": password, **more})
    assert answer.status in (401, 422, 429)
    assert "set-cookie" not in answer.headers
