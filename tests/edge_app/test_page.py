"""The whole service with its page, over HTTP and MQTT."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from brokers import Mosquitto, Subscriber, same_path, wait_for
from pages import RunningPage, Visitor, next_event, running_page

from edge_app.audit import verify
from edge_app.messages import Event, Report
from edge_app.sources.fake_capture_card import FakeCaptureCard
from edge_app.store_reader import StoreReader
from firmware_bridge.codes import Lamp
from firmware_bridge.fake_mcu import FakeMicrocontroller


def echo_card() -> FakeCaptureCard:
    """The real echo cine, as from a capture card."""
    pytest.importorskip("data_store", reason="the echo cine comes from pydicom-data")
    from pydicom.data import get_testdata_file

    from edge_app.sources.dicom_files import DicomFile

    path = get_testdata_file("examples_ybr_color.dcm", download=False)
    with DicomFile(Path(str(path))) as source:
        frames = [frame.pixels for frame in source.frames()]
    return FakeCaptureCard(
        [np.asarray(cv2.cvtColor(one, cv2.COLOR_GRAY2BGR) if one.ndim == 2 else one, np.uint8) for one in frames]
    )


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto")).start()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[RunningPage]:
    with running_page(tmp_path_factory.mktemp("page"), echo_card(), broker.port) as page:
        yield page


@pytest.fixture(scope="module")
def visitor(page: RunningPage) -> Visitor:
    return page.visitor()


def heard_event(subscriber: Subscriber, kind: str) -> Event:
    def found() -> list[Event]:
        events = [Event.from_json(heard.body) for heard in subscriber.on("event")]
        return [event for event in events if event.kind == kind]

    wait_for(found, f"an event {kind} was published")
    return found()[-1]


def wait_for_report(visitor: Visitor, report_id: str) -> dict:  # type: ignore[type-arg]
    wait_for(lambda: visitor.get(f"/api/reports/{report_id}").status == 200, "the report is kept", 30)
    return visitor.get(f"/api/reports/{report_id}").json()  # type: ignore[no-any-return]


def newest_frame_report(visitor: Visitor) -> dict:  # type: ignore[type-arg]
    def found() -> list:  # type: ignore[type-arg]
        return visitor.get("/api/reports?scope=frame&decision=accepted").json()["reports"]  # type: ignore[no-any-return]

    wait_for(found, "a report on a frame", 60)
    return found()[0]  # type: ignore[no-any-return]


def test_live_state_and_picture_are_those_of_the_card(page: RunningPage, visitor: Visitor) -> None:
    wait_for(lambda: visitor.get("/api/live").json()["classification"], "a picture was classified", 30)
    state = visitor.get("/api/live").json()
    assert state["capture"]["state"] == "running" and state["signal"]["state"] == "live"
    assert state["classification"]["prediction_set"]
    answer = visitor.get("/api/live.jpg")
    jpeg = cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR)
    assert jpeg is not None
    size = (int(answer.headers["x-frame-width"]), int(answer.headers["x-frame-height"]))
    assert size == (jpeg.shape[1], jpeg.shape[0]) == (state["picture"]["width"], state["picture"]["height"])
    shown = page.card._pictures
    assert min(np.abs(one.astype(int) - jpeg).mean() for one in shown) < 6  # one of them, but for JPEG


def test_a_picture_that_was_asked_for_is_reported_with_who_asked(
    page: RunningPage, visitor: Visitor, broker: Mosquitto
) -> None:
    with Subscriber(broker.port) as subscriber, visitor.streaming("/api/stream") as stream:
        next_event(stream, "state")
        answer = visitor.post("/api/actions/capture").json()
        assert answer["done"]

        def asked_for() -> list[Report]:
            reports = [Report.from_json(heard.body) for heard in subscriber.on("report")]
            return [one for one in reports if one.trigger is not None and one.trigger.event_id == answer["event_id"]]

        wait_for(asked_for, "the report was published", 30)
        (report,) = asked_for()
        assert report.trigger is not None and report.trigger.event == "page_capture"
        assert heard_event(subscriber, "capture").event_id == answer["event_id"]


def test_frozen_picture_is_held_for_all_and_analysed(page: RunningPage, visitor: Visitor, broker: Mosquitto) -> None:
    with Subscriber(broker.port) as subscriber:
        assert visitor.post("/api/actions/freeze", {"frozen": True}).json()["done"]
        assert visitor.post("/api/actions/freeze", {"frozen": True}).status == 409
        wait_for(lambda: (visitor.get("/api/live").json()["frozen"] or {}).get("report_id"), "its report is known", 30)
        frozen = visitor.get("/api/live").json()["frozen"]
        assert frozen["by"] == "tess"
        report = visitor.get(f"/api/reports/{frozen['report_id']}").json()["report"]
        assert report["trigger"]["event"] == "page_freeze"
        sequences = {visitor.get("/api/live.jpg").headers["x-frame-sequence"] for _ in range(3)}
        assert sequences == {str(report["frame"]["sequence"])}
        before = page.service.pipeline.progress.frames
        wait_for(lambda: page.service.pipeline.progress.frames > before + 10, "the analysis goes on behind it")
        assert visitor.post("/api/actions/freeze", {"frozen": False}).json()["done"]
        wait_for(lambda: visitor.get("/api/live").json()["frozen"] is None, "it is let go")
        assert heard_event(subscriber, "freeze").details["event"] == "page_unfreeze"


def test_override_makes_a_report_with_that_categorys_modules_that_subscribers_get_too(
    page: RunningPage, visitor: Visitor, broker: Mosquitto
) -> None:
    replaced = newest_frame_report(visitor)
    category = "us_liver" if replaced["category"] != "us_liver" else "us_breast"
    with Subscriber(broker.port) as subscriber:
        wanted = {"category": category, "live": False}
        answer = visitor.post(f"/api/reports/{replaced['report_id']}/override", wanted).json()
        view = wait_for_report(visitor, answer["report_id"])
        report = view["report"]
        assert report["classification"]["category"] == category and report["classification"]["decision"] == "accepted"
        assert report["amends"]["report_id"] == replaced["report_id"] and report["amends"]["by_role"] == "technician"
        assert report["amends"]["previous_category"] == replaced["category"] and report["amends"]["reanalysed"]
        assert "tissue_texture" in {entry["module"] for entry in report["analyses"]}
        assert view["picture"] is not None
        assert report["frame"] == visitor.get(f"/api/reports/{replaced['report_id']}").json()["report"]["frame"]

        def heard() -> list[Report]:
            reports = [Report.from_json(one.body) for one in subscriber.on("report")]
            return [one for one in reports if one.report_id == answer["report_id"]]

        wait_for(heard, "subscribers got it", 30)
        event = heard_event(subscriber, "override")
        assert event.details["new_report_id"] == answer["report_id"]
        assert "tess" not in json.dumps(event.model_dump(mode="json"))  # the role is enough for those outside
    old = visitor.get(f"/api/reports/{replaced['report_id']}").json()
    assert old["summary"]["amended_by"] == [answer["report_id"]]
    again = visitor.post(f"/api/reports/{answer['report_id']}/override", {"category": category})
    assert again.status == 409
    replayed = visitor.post(f"/api/reports/{answer['report_id']}/replay").json()
    assert replayed["verdict"] == "identical", replayed


def test_what_a_person_says_holds_for_the_whole_view(page: RunningPage, visitor: Visitor, broker: Mosquitto) -> None:
    def said() -> dict:  # type: ignore[type-arg]
        return visitor.get("/api/live").json()["classification"] or {}

    wait_for(lambda: said().get("category"), "the router says something", 30)

    def current() -> dict:  # type: ignore[type-arg]
        """The newest report that the box made by itself."""
        listed = visitor.get("/api/reports?scope=frame").json()["reports"]
        return next(one for one in listed if one["amends"] is None and one["trigger"] is None)  # type: ignore[no-any-return]

    assert current()["category"] != "us_liver"
    answer = visitor.post(f"/api/reports/{current()['report_id']}/override", {"category": "us_liver"})
    assert answer.json()["done"]
    wait_for(lambda: said().get("category") == "us_liver", "the screen counts as liver", 10)
    assert said()["chosen_by"] == "technician" and said()["scores"][0]["category"] != "us_liver"

    def chosen() -> list[str]:
        listed = visitor.get("/api/reports?scope=frame&category=us_liver").json()["reports"]
        return [one["report_id"] for one in listed if one["amends"] is None]

    wait_for(lambda: len(chosen()) >= 2, "reports on the view say so", 30)
    report = visitor.get(f"/api/reports/{chosen()[0]}").json()["report"]
    assert report["classification"]["chosen_by"] == "technician"
    assert "tissue_texture" in {entry["module"] for entry in report["analyses"]}
    assert visitor.post(f"/api/reports/{chosen()[0]}/replay").json()["verdict"] == "identical"
    assert visitor.post("/api/actions/category", {"category": None}).json()["done"]
    wait_for(lambda: said().get("chosen_by", "") is None, "the router decides again", 10)
    clips = visitor.get("/api/reports?scope=clip&category=us_liver").json()["reports"]
    assert clips
    on_clip = visitor.get(f"/api/reports/{clips[0]['report_id']}").json()["report"]
    assert on_clip["classification"]["chosen_by"] == "technician"
    assert visitor.post("/api/actions/category", {"category": "us_kidney"}).status == 409


def test_opinions_are_kept_published_and_logged(page: RunningPage, visitor: Visitor, broker: Mosquitto) -> None:
    report_id = newest_frame_report(visitor)["report_id"]
    entries = visitor.get(f"/api/reports/{report_id}").json()["report"]["analyses"]
    entry = next(entry for entry in entries if entry["findings"])
    said = {"module": entry["module"], "feature": entry["findings"][0]["feature"]}
    with Subscriber(broker.port) as subscriber:
        assert visitor.post(f"/api/reports/{report_id}/opinion", {**said, "opinion": "disagree"}).json()["done"]
        event = heard_event(subscriber, "opinion")
        assert event.details == {"report_id": report_id, **said, "opinion": "disagree", "role": "technician"}
    opinions = visitor.get(f"/api/reports/{report_id}").json()["opinions"]
    assert [(one["by"], one["opinion"]) for one in opinions] == [("tess", "disagree")]
    assert visitor.post(f"/api/reports/{report_id}/opinion", {**said, "opinion": "withdrawn"}).json()["done"]
    assert visitor.get(f"/api/reports/{report_id}").json()["opinions"] == []
    unknown = {"module": entry["module"], "feature": "no_such_feature", "opinion": "agree"}
    assert visitor.post(f"/api/reports/{report_id}/opinion", unknown).status == 409


def test_test_buttons_send_a_message_and_take_a_picture(page: RunningPage, visitor: Visitor, broker: Mosquitto) -> None:
    with Subscriber(broker.port) as subscriber:
        answer = visitor.post("/api/tests/message").json()
        assert answer["done"] and heard_event(subscriber, "test").event_id == answer["event_id"]
    assert "came after" in visitor.post("/api/tests/picture").json()["text"]
    assert visitor.post("/api/tests/lamp").status == 409  # there is no controller


def test_what_was_done_on_the_page_is_in_the_chained_audit_log(page: RunningPage, visitor: Visitor) -> None:
    reader = StoreReader(page.service.store.path)
    with reader._reading() as connection:
        rows = connection.execute("SELECT kind, entry FROM audit WHERE kind <> 'report'").fetchall()
    reader.close()
    kinds = {kind for kind, _ in rows}
    assert {"start", "page", "override", "opinion"} <= kinds
    actions = [json.loads(entry)["details"].get("action") for kind, entry in rows if kind == "page"]
    assert {"setup", "page_capture", "page_freeze", "test_message"} <= set(actions)
    assert verify(page.service.store.path).problems == ()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_reports_go_on_when_the_page_is_killed_or_stopped(
    page: RunningPage, visitor: Visitor, number: signal.Signals
) -> None:
    with visitor.streaming("/api/live.frames") as stream:
        assert stream.read(4)
        pid = page.process.pid
        assert pid is not None
        os.kill(pid, number)
        try:
            progress = page.service.pipeline.progress
            frames, reports = progress.frames, progress.reports
            wait_for(lambda: progress.frames > frames + 60, "frames go on", 10)
            wait_for(lambda: progress.reports > reports + 2, "reports go on", 20)
        finally:
            if number == signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
    wait_for(lambda: page.process.listening.is_set() and page.process.pid, "the page is there", 60)
    wait_for(lambda: _answers(page), "it answers", 30)


def test_reports_go_on_when_the_page_is_flooded(page: RunningPage, visitor: Visitor) -> None:
    wait_for(lambda: _answers(page), "it answers", 30)
    stopping, answers = threading.Event(), Counter[int]()
    idle = [socket.create_connection(("127.0.0.1", int(page.url.rsplit(":", 1)[1].strip("/")))) for _ in range(100)]

    def flood(path: str) -> None:
        while not stopping.is_set():
            with suppress(OSError, http.client.HTTPException):
                answers[visitor.get(path).status] += 1

    paths = ("/api/reports?q=nothing-has-this", "/api/live", "/static/../x", "/api/export.csv", "/api/session")
    flooders = [threading.Thread(target=flood, args=(path,)) for path in paths]
    for flooder in flooders:
        flooder.start()
    try:
        progress = page.service.pipeline.progress
        frames, reports = progress.frames, progress.reports
        wait_for(lambda: progress.frames > frames + 60, "frames go on", 20)
        wait_for(lambda: progress.reports > reports + 3, "reports go on", 20)
        wait_for(lambda: sum(answers.values()) > 50, "it was flooded", 20)
    finally:
        stopping.set()
        for flooder in flooders:
            flooder.join()
        for one in idle:
            one.close()
    assert all(status < 500 for status in answers), answers


def test_foot_switch_is_seen_on_the_page_and_the_lamp_can_be_tried(tmp_path: Path) -> None:
    with FakeMicrocontroller() as board, running_page(tmp_path, open_port=board.open_port) as page:
        visitor = page.visitor()
        wait_for(lambda: visitor.get("/api/live").json()["link"]["state"] == "up", "the link is up", 20)
        with visitor.streaming("/api/stream") as stream:
            next_event(stream, "state")
            board.press(0)
            event = next_event(stream, "event")
            board.release(0)
            assert event["kind"] == "foot_switch" and event["details"]["event"] == "foot_switch_press"
        assert visitor.get("/api/live").json()["controller"]["events"] >= 1
        assert visitor.post("/api/tests/lamp").json()["done"]
        seen = set()
        wait_for(lambda: seen.add(board.lamp) or {Lamp.OFF, Lamp.RESULT} <= seen, "the lamp blinks", 5)


def test_page_ends_and_frees_its_port_when_the_service_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib, pages\n"
        "with pages.running_page(pathlib.Path(sys.argv[1])) as page:\n"
        "    print(page.url, page.process.pid, flush=True)\n"
        "    time.sleep(100)\n"
    )
    service = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=same_path()
    )
    assert service.stdout is not None
    try:
        url, pid = service.stdout.readline().split()
        assert Visitor(url).get("/api/alive").status == 200
    finally:
        service.kill()
        service.wait()
        service.stdout.close()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the page is gone too", 15)
    with socket.create_server(("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))):
        pass


def _answers(page: RunningPage) -> bool:
    try:
        return Visitor(page.url).get("/api/alive").status == 200
    except OSError:
        return False


def test_unplugged_card_is_told_at_once(page: RunningPage, visitor: Visitor) -> None:
    wait_for(lambda: _answers(page), "it answers", 30)
    with visitor.streaming("/api/stream") as stream:
        next_event(stream, "state")
        page.card.unplug()
        try:
            for _ in range(50):
                state = next_event(stream, "state")
                if state["capture"]["state"] == "lost":
                    break
            assert "plug" in state["capture"]["reason"].lower()
            assert visitor.post("/api/actions/capture").status == 409
        finally:
            page.card.plug_in()
