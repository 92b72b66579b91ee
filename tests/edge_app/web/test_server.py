import json
import socket
import struct
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from brokers import OPENSSL, need, wait_for
from pages import LonePage, Visitor, events_of, lone_page, make_frame, next_event

from edge_app.messages import Event, uuid7

TRAVERSALS = [
    "/static/../../config.py",
    "/static/%2e%2e/%2e%2e/accounts.sqlite3",
    "/static/..%2f..%2faccounts.sqlite3",
    "/static/%252e%252e/x",
    "/static//etc/passwd",
    "/static/..\\..\\x",
    "/static/a%00.css",
    "/api/reports/../../etc/passwd",
]


def raw(page: LonePage, request: bytes) -> bytes:
    """What the server says to these bytes."""
    parts = urlsplit(page.url)
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(1 << 16):
            answer += data
    return answer


@pytest.mark.parametrize("path", TRAVERSALS)
def test_paths_that_leave_the_page_are_refused(page: LonePage, path: str) -> None:
    answer = raw(page, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404")), answer
    assert b"root:" not in answer and b"SQLite" not in answer


def test_refused_paths_are_logged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with lone_page(tmp_path, 0) as page:
        assert Visitor(page.url).get("/static/%2e%2e/accounts.sqlite3").status == 400
    assert "refused from 127.0.0.1: a path that leaves the page" in capfd.readouterr().err


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.1", "127.0.0.1.evil.example", ""])
def test_other_hosts_are_refused_whatever_they_ask(page: LonePage, host: str) -> None:
    answer = raw(page, f"GET /api/session HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 421")


def test_every_answer_bears_the_security_headers(page: LonePage, technician: Visitor) -> None:
    for path in ("/", "/api/session", "/api/live", "/nowhere", "/static/nothing.js", "/metrics"):
        headers = technician.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer" and headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers
        if path.startswith("/api"):
            assert headers["cache-control"] == "no-store"


def test_connections_that_never_ask_do_not_keep_others_out(page: LonePage, technician: Visitor) -> None:
    from edge_app.web.server import CONNECTIONS_MOST

    parts = urlsplit(page.url)
    idle = [socket.create_connection((parts.hostname, parts.port), 10) for _ in range(CONNECTIONS_MOST + 20)]
    try:
        for number, one in enumerate(idle):
            one.sendall(b"GET /api/alive HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "[: number % 40])
        wait_for(lambda: technician.get("/api/alive").status == 200, "others are let in", 30)
    finally:
        for one in idle:
            one.close()


def test_bodies_have_a_limit(page: LonePage, technician: Visitor) -> None:
    answer = technician.post("/api/actions/freeze", {"frozen": True, "more": "x" * 70_000})
    assert answer.status == 413 and answer.json()["error"] == "too_large"


def test_wrong_methods_unknown_paths_and_bad_bodies_are_told_as_json(page: LonePage, technician: Visitor) -> None:
    assert technician.post("/api/live").json()["error"] == "method_not_allowed"
    assert technician.get("/api/nothing").json()["error"] == "not_found"
    for body in (b"{", b"[]", b'{"frozen": "perhaps"}', b'{"frozen": true, "more": 1}', b"\xff"):
        answer = technician.request("POST", "/api/actions/freeze", body, Content_Type="application/json")
        assert answer.status == 422 and answer.json()["details"]["problems"]
    assert technician.get("/api/reports?limit=0").status == 422
    assert technician.get("/api/reports?limit=1&limit=2").status == 400
    assert technician.get("/api/reports?since=0001-01-01T00:00:00%2B14:00").status == 422


def test_reports_are_listed_opened_and_exported(page: LonePage, technician: Visitor) -> None:
    listed = technician.get("/api/reports?limit=2").json()
    assert len(listed["reports"]) == 2 and listed["next_cursor"]
    rest = technician.get(f"/api/reports?limit=2&cursor={listed['next_cursor']}").json()
    assert len(rest["reports"]) == 1 and rest["next_cursor"] is None
    report_id = listed["reports"][0]["report_id"]
    view = technician.get(f"/api/reports/{report_id}").json()
    assert view["report"]["report_id"] == report_id and view["report"]["schema"] == "edge-cad/report/1"
    picture = technician.get(f"/api/reports/{report_id}/picture.png")
    assert picture.headers["content-type"] == "image/png" and picture.body.startswith(b"\x89PNG")
    body = technician.get(f"/api/reports/{report_id}/report.json")
    assert json.loads(body.body) == view["report"] and "attachment" in body.headers["content-disposition"]
    assert technician.get(f"/api/reports/{uuid7()}").status == 404
    assert len(technician.get("/api/export.jsonl").body.splitlines()) == 3
    assert technician.get("/api/export.csv?category=us_breast").body.startswith(b"report_id,")
    assert {"action": "export_csv", "account": "tess"} in [act.get("details") for act in page.acts]


def test_state_and_health_say_what_the_service_says(page: LonePage, operator: Visitor) -> None:
    state = operator.get("/api/live").json()
    assert state["service"]["state"] == "running" and state["signal"]["state"] == "live"
    assert state["store"]["reports"] == 3 and state["store"]["unsent"] == 3
    assert state["store"]["state"] == "overdue"  # they were made long ago
    assert state["temperature"] == 51.5 and state["disk"]["free_bytes"] > 0
    health = operator.get("/api/health").json()
    assert health["models"][0]["name"] == "router" and health["store_bytes"] > 0
    samples = operator.get("/api/health/history").json()["samples"]
    assert samples and samples[0]["unsent"] == 3


def test_actions_are_the_services_and_its_refusal_is_told(page: LonePage, operator: Visitor) -> None:
    report_id = operator.get("/api/reports").json()["reports"][0]["report_id"]
    opinion = {"module": "breast_lesion", "feature": "lesion_area", "opinion": "agree"}
    assert operator.post(f"/api/reports/{report_id}/opinion", opinion).status == 200
    asked = page.acts[-1]
    assert {**opinion, "report_id": report_id, "by": "anna"}.items() <= asked.items()
    page.answers["override"] = {"done": False, "text": "the report says us_breast already"}
    refused = operator.post(f"/api/reports/{report_id}/override", {"category": "us_breast"})
    assert refused.status == 409 and refused.json()["text"] == "the report says us_breast already"
    assert operator.post(f"/api/reports/{uuid7()}/override", {"category": "us_liver"}).status == 404


def test_configuration_is_shown_with_the_meaning_of_every_key(page: LonePage, technician: Visitor) -> None:
    sections = {section["name"]: section for section in technician.get("/api/config").json()["sections"]}
    assert {"device", "source", "mqtt", "store", "web"} <= set(sections)
    port = next(key for key in sections["mqtt"]["keys"] if key["key"] == "port")
    assert (port["value"], port["changed"]) == (1883, False)
    keys = [key for section in sections.values() for key in section["keys"]]
    assert sum(bool(key["meaning"]) for key in keys) > len(keys) / 2


def test_metrics_are_prometheus_text_without_people_or_patients(page: LonePage, operator: Visitor) -> None:
    answer = Visitor(page.url).get("/metrics")  # this machine may, since there is no token
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    figures = dict(line.rsplit(" ", 1) for line in lines)
    assert figures["edge_cad_up"] == "1" and figures["edge_cad_reports_unsent"] == "3"
    assert "anna" not in answer.body.decode()


def test_metrics_ask_for_their_token_if_there_is_one(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("scrape-me\n")
    token.chmod(0o600)
    with lone_page(tmp_path, 0, metrics_token_file=str(token)) as page:
        visitor = Visitor(page.url)
        assert visitor.get("/metrics").status == 401
        assert visitor.request("GET", "/metrics", Authorization="Bearer wrong").status == 401
        assert visitor.request("GET", "/metrics", Authorization="Bearer scrape-me").status == 200


def test_stream_tells_state_reports_events_and_the_end(page: LonePage, operator: Visitor) -> None:
    with operator.streaming("/api/stream") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        kinds = {}
        for kind, data in events_of(stream):
            kinds[kind] = data
            if {"state", "report"} <= set(kinds):
                break
        assert kinds["state"]["device_id"] == "cart-7"
        assert kinds["report"]["summary"]["delivery"] == "waiting"
        event = Event(device_id="cart-7", at=datetime.now(UTC), kind="freeze", text="the picture was frozen")
        page.process.tell(event.model_dump(mode="json", by_alias=True))
        assert next_event(stream, "event")["kind"] == "freeze"
        unsent = page.store.next_unsent(0, 10)
        page.store.mark_delivered([unsent[-1].outbox_id])
        assert next_event(stream, "delivery")["delivery"] == "sent"
        page.state["health"]["signal"] = {"state": "no_signal", "reason": "check the cable"}
        page.process.changed()
        assert next_event(stream, "state")["signal"]["reason"] == "check the cable"
        page.state["health"]["signal"] = {"state": "live", "reason": ""}
    assert operator.get("/api/events").json()["events"][0]["kind"] == "freeze"


def test_stream_ends_with_the_session(page: LonePage, technician: Visitor) -> None:
    technician.post("/api/accounts", {"name": "dora", "password": "gel and gloves", "role": "operator"})
    dora = Visitor(page.url).log_in("dora")
    with dora.streaming("/api/stream") as stream:
        next_event(stream, "state")
        technician.send("DELETE", "/api/accounts/dora")
        assert next_event(stream, "bye")["reason"] == "you are signed out"


def test_live_pictures_come_while_somebody_looks_and_cost_nothing_else(page: LonePage, operator: Visitor) -> None:
    page.process.show(make_frame())
    assert page.process._slot.newest() == 0  # nobody looks
    with operator.streaming("/api/live.frames") as stream:
        wait_for(lambda: page.process.viewers == 1, "the service knows")
        seen = []
        deadline = time.monotonic() + 20
        while len(seen) < 5 and time.monotonic() < deadline:
            page.process._next_picture_s = 0
            page.process.show(make_frame(sequence=len(seen)))
            about = json.loads(stream.read(struct.unpack(">I", stream.read(4))[0]))
            jpeg = stream.read(struct.unpack(">I", stream.read(4))[0])
            if jpeg:
                assert jpeg.startswith(b"\xff\xd8") and (about["width"], about["height"]) == (160, 120)
                seen.append(about["sequence"])
        assert len(seen) == 5 and seen == sorted(seen)
    wait_for(lambda: page.process.viewers == 0, "nobody looks any more", 15)
    written = page.process._slot.newest()
    page.process._next_picture_s = 0
    page.process.show(make_frame())
    assert page.process._slot.newest() == written


def test_without_pictures_there_is_a_sign_of_life_and_no_picture(page: LonePage, operator: Visitor) -> None:
    with operator.streaming("/api/live.frames") as stream:
        assert stream.read(10) == b"\x00\x00\x00\x02{}\x00\x00\x00\x00"
    assert operator.get("/api/live.jpg").status == 503


def test_only_so_many_can_look(page: LonePage, operator: Visitor) -> None:
    from contextlib import ExitStack

    from edge_app.web.live_pictures import VIEWERS_MOST

    with ExitStack() as viewers:
        for _ in range(VIEWERS_MOST):
            stream = viewers.enter_context(operator.streaming("/api/live.frames"))
            assert stream.status == 200
        wait_for(lambda: page.process.viewers == VIEWERS_MOST, "all look")
        assert operator.get("/api/live.mjpeg").status == 503
    wait_for(lambda: page.process.viewers == 0, "nobody looks any more", 15)


def test_page_is_served_by_https_with_stricter_cookies(tmp_path: Path) -> None:
    import ssl
    import subprocess

    subprocess.run(
        [need(OPENSSL, "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "page.pem", "-days", "2", "-subj", "/CN=cart",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    (tmp_path / "key.pem").chmod(0o600)
    files = {"certificate_file": str(tmp_path / "page.pem"), "key_file": str(tmp_path / "key.pem")}
    context = ssl.create_default_context(cafile=str(tmp_path / "page.pem"))

    class SecureVisitor(Visitor):
        def open(self, timeout_s: float = 20.0):  # type: ignore[no-untyped-def]
            import http.client

            parts = urlsplit(self.url)
            assert parts.hostname is not None
            return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout_s, context=context)

    with lone_page(tmp_path, 0, visitor_class=SecureVisitor, **files) as page:
        assert page.url.startswith("https://")
        visitor = SecureVisitor(page.url)
        wanted = {"code": page.process.setup_code, "name": "tess", "password": "gel and gloves"}
        answer = visitor.post("/api/setup", wanted, Origin=page.url.rstrip("/"))
        assert answer.status == 201
        assert answer.headers["set-cookie"].startswith("__Host-edge_cad_session=")
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "max-age" in answer.headers["strict-transport-security"]
