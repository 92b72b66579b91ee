from pathlib import Path

import pytest
from pages import PASSWORD, LonePage, Visitor, lone_page

from edge_app.web.throttle import FREE_FAILURES

FOR_ANYBODY = ("/api/session", "/api/alive", "/api/openapi.json", "/metrics")


@pytest.fixture
def fresh(tmp_path: Path):  # type: ignore[no-untyped-def]
    with lone_page(tmp_path) as page:
        yield page


def test_first_account_needs_the_code_from_the_log_and_there_is_only_one_first(fresh: LonePage) -> None:
    visitor, code = Visitor(fresh.url), fresh.process.setup_code
    assert visitor.get("/api/session").json()["setup_needed"] is True
    wanted = {"name": "tess", "password": PASSWORD}
    assert visitor.post("/api/setup", {"code": "0000-0000x", **wanted}).status == 403
    assert visitor.post("/api/setup", {"code": code, **wanted, "password": "short"}).status == 422
    made = visitor.post("/api/setup", {"code": code, **wanted})
    assert made.status == 201 and made.json()["account"] == {"name": "tess", "role": "technician"}
    assert visitor.post("/api/setup", {"code": code, "name": "mallory", "password": PASSWORD}).status == 409
    assert visitor.get("/api/session").json()["setup_needed"] is False


def test_guesses_of_the_code_and_of_passwords_are_slowed_down(fresh: LonePage) -> None:
    visitor = Visitor(fresh.url)
    wanted = {"name": "tess", "password": PASSWORD}
    statuses = [
        visitor.post("/api/setup", {"code": f"0000-000{number}", **wanted}).status
        for number in range(FREE_FAILURES + 2)
    ]
    assert statuses == [403] * FREE_FAILURES + [429] * 2
    refused = visitor.post("/api/setup", {"code": fresh.process.setup_code, **wanted})
    assert refused.status == 429 and int(refused.headers["retry-after"]) >= 1  # even the right one has to wait
    login = {"name": "tess", "password": "wrong password"}
    assert visitor.post("/api/login", login).status == 429  # by the same address


def test_passwords_of_others_are_slowed_down_by_account_and_right_ones_begin_anew(fresh: LonePage) -> None:
    visitor = Visitor(fresh.url).set_up(fresh.process.setup_code)
    stranger = Visitor(fresh.url)
    for _ in range(FREE_FAILURES - 1):
        assert stranger.post("/api/login", {"name": "tess", "password": "no"}).status == 401
    assert stranger.post("/api/login", {"name": "tess", "password": PASSWORD}).status == 200
    for _ in range(FREE_FAILURES - 1):
        assert stranger.post("/api/login", {"name": "tess", "password": "no"}).status == 401
    assert visitor.get("/api/live").status == 200


def test_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(fresh: LonePage) -> None:
    visitor = Visitor(fresh.url)
    wanted = {"code": fresh.process.setup_code, "name": "tess", "password": PASSWORD}
    cookie = visitor.post("/api/setup", wanted).headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie


def test_nothing_but_the_door_is_open_to_strangers(page: LonePage, technician: Visitor) -> None:
    document = technician.get("/api/openapi.json").json()
    stranger, checked = Visitor(page.url), 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            url = path.replace("{report_id}", "01934f0e-6a5c-7d1e-9f43-0a3c5e7b9d21").replace("{name}", "tess")
            answer = stranger.send(method.upper(), url, None if method == "get" else {})
            if operation["tags"] == ["anybody"]:
                assert answer.status in (200, 409, 422)
            else:
                assert answer.status == 401 and answer.json()["error"] == "not_logged_in", path
                checked += 1
    assert checked > 25


def test_operators_cannot_do_what_is_for_technicians(page: LonePage, operator: Visitor) -> None:
    document, checked = operator.get("/api/openapi.json").json(), 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["tags"] == ["technician"]:
                answer = operator.send(method.upper(), path.replace("{name}", "tess"), None if method == "get" else {})
                assert answer.status == 403 and answer.json()["error"] == "forbidden", path
                checked += 1
    assert checked >= 8
    for path in ("/settings", "/people"):
        assert operator.get(path).status == 403
    for path in ("/", "/history"):
        assert operator.get(path).status == 200


def test_what_changes_something_needs_the_token_of_the_session(page: LonePage, operator: Visitor) -> None:
    asked = len(page.acts)
    for token in ("", "guess", "\u00fc".encode().decode("latin-1")):
        forged = Visitor(page.url, operator.cookie, token)
        answer = forged.post("/api/actions/capture")
        assert answer.status == 403 and answer.json()["error"] == "csrf"
    assert len(page.acts) == asked
    assert operator.post("/api/actions/capture").status == 200
    assert (
        page.acts[-1]["action"] == "capture" and page.acts[-1]["by"] == "anna" and page.acts[-1]["role"] == "operator"
    )


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Origin": "null"}]
)
def test_requests_of_other_sites_are_refused(page: LonePage, operator: Visitor, headers: dict[str, str]) -> None:
    assert operator.post("/api/actions/capture", **headers).status == 403
    login = {"name": "anna", "password": PASSWORD}
    assert Visitor(page.url).post("/api/login", login, **headers).status == 403


def test_forms_cannot_sign_in(page: LonePage, operator: Visitor) -> None:
    body = b'{"name": "anna", "password": "gel and gloves"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert Visitor(page.url).request("POST", "/api/login", body, Content_Type=kind).status == 415


def test_accounts_are_made_changed_and_dropped(page: LonePage, technician: Visitor) -> None:
    assert technician.post("/api/accounts", {"name": "ben", "password": PASSWORD, "role": "operator"}).status == 201
    assert technician.post("/api/accounts", {"name": "ben", "password": PASSWORD, "role": "operator"}).status == 409
    ben = Visitor(page.url).log_in("ben")
    assert technician.send("PUT", "/api/accounts/ben", {"role": "technician"}).json()["role"] == "technician"
    assert ben.get("/api/live").status == 401
    ben.log_in("ben")
    assert ben.get("/api/config").status == 200
    assert technician.send("PUT", "/api/accounts/ben", {"password": "another password"}).status == 200
    assert Visitor(page.url).post("/api/login", {"name": "ben", "password": PASSWORD}).status == 401
    ben.log_in("ben", "another password")
    assert technician.send("DELETE", "/api/accounts/ben").status == 204
    assert ben.get("/api/live").status == 401
    assert technician.send("DELETE", "/api/accounts/ben").status == 404
    assert technician.send("DELETE", "/api/accounts/tess").status == 409
    assert technician.send("PUT", "/api/accounts/tess", {"role": "operator"}).status == 409
    logged = [act["details"] for act in page.acts if act["action"] == "audit"]
    assert {"action": "delete_account", "account": "tess", "other": "ben"} in logged
    assert not any("password" in str(value) for details in logged for value in details.values() if value != "password")


def test_own_password_is_changed_with_the_old_one_and_signs_others_out(page: LonePage, technician: Visitor) -> None:
    technician.post("/api/accounts", {"name": "cora", "password": PASSWORD, "role": "operator"})
    here, elsewhere = Visitor(page.url).log_in("cora"), Visitor(page.url).log_in("cora")
    change = {"old_password": PASSWORD, "new_password": "gel without gloves"}
    assert here.post("/api/password", {**change, "old_password": "no"}).status == 403
    answer = here.post("/api/password", change)
    assert answer.status == 200
    here._signed_in(answer)
    assert here.get("/api/live").status == 200
    assert elsewhere.get("/api/live").status == 401
    assert here.post("/api/logout").status == 204
    assert here.get("/api/live").status == 401


def test_sessions_outlive_the_page(fresh: LonePage) -> None:
    import signal

    from brokers import wait_for

    visitor, before = Visitor(fresh.url).set_up(fresh.process.setup_code), fresh.process.pid
    fresh.signal(signal.SIGKILL)
    wait_for(lambda: fresh.process.pid not in (None, before), "another process", 30)
    wait_for(fresh.process.listening.is_set, "it listens", 30)
    assert visitor.get("/api/session").json()["account"]["name"] == "tess"
