"""What is seen now: state, live picture, stream of events, health, and the buttons."""

import time
from collections.abc import AsyncIterator
from typing import Final

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from edge_app.messages import Event
from edge_app.web.access import cookie_name, find_session
from edge_app.web.health_history import INTERVAL_S, HealthRing
from edge_app.web.live_pictures import SIGN_OF_LIFE, SIGN_OF_LIFE_S, VIEWERS_MOST, LivePicture
from edge_app.web.operations import Call, Operation
from edge_app.web.problems import ApiError, conflict
from edge_app.web.shapes import (
    ActionResult,
    Alive,
    ChosenCategory,
    EventList,
    Freeze,
    HealthHistory,
    HealthInfo,
    LiveState,
    Nothing,
    PageHealth,
)
from edge_app.web.stream import ALLOWED_EVERY_S, STREAMS_MOST, Stream

BOUNDARY: Final = "picture"


async def act(call: Call, action: str, **needs: object) -> ActionResult:
    """Have the service do something for who is signed in.

    Raises:
        ApiError: It refuses.
        NoAnswer: It does not answer.
    """
    answer = await call.desk.link.ask(action, call.who.name, call.who.role, **needs)
    if not answer["done"]:
        raise conflict(answer["text"])
    return ActionResult.model_validate(answer)


async def alive(call: Call) -> BaseModel:
    """The page answers."""
    return Alive()


async def live(call: Call) -> BaseModel:
    """How everything is now."""
    return await run_in_threadpool(call.desk.live_state)


async def events(call: Call) -> BaseModel:
    """What happened lately."""
    newest_first = reversed(call.desk.link.events)
    return EventList(events=tuple(Event.model_validate(event) for _, event in newest_first))


async def capture(call: Call) -> BaseModel:
    """Analyse the newest picture."""
    return await act(call, "capture")


async def freeze(call: Call) -> BaseModel:
    """Hold the newest picture, or let it go."""
    return await act(call, "freeze", frozen=call.body.frozen)


async def choose_category(call: Call) -> BaseModel:
    """Say what the screen shows, until the view ends: its modules run; or let the router decide again."""
    return await act(call, "choose", category=call.body.category)


async def test_message(call: Call) -> BaseModel:
    """Send a message over MQTT that says that it is a test."""
    return await act(call, "test_message")


async def test_lamp(call: Call) -> BaseModel:
    """Blink the lamp."""
    return await act(call, "test_lamp")


async def test_picture(call: Call) -> BaseModel:
    """See whether a picture comes; nothing is analysed or kept."""
    started = time.monotonic()
    picture = await _one_picture(call)
    text = f"a picture of {picture.width} x {picture.height} came after {(time.monotonic() - started) * 1000:.0f} ms"
    return ActionResult(done=True, text=text)


async def health_history(call: Call) -> BaseModel:
    """Figures of the last hours."""
    ring: HealthRing = call.request.app.state.history
    return HealthHistory(interval_s=INTERVAL_S, samples=tuple(ring.samples))


async def health(call: Call) -> BaseModel:
    """How everything is, with models."""
    desk = call.desk
    return HealthInfo(
        live=await run_in_threadpool(desk.live_state),
        models=desk.settings.status.models,
        store_bytes=(await run_in_threadpool(desk.counted)).size_bytes,
        page=PageHealth(
            viewers=desk.pictures.viewers,
            streams=desk.streams,
            uptime_s=round(time.monotonic() - desk.started_s, 1),
        ),
    )


async def live_jpeg(call: Call) -> Response:
    """The newest picture."""
    picture = await _one_picture(call)
    return Response(picture.jpeg, headers=picture.headers(), media_type="image/jpeg")


async def live_mjpeg(call: Call) -> Response:
    """The live picture, for ``<img>``."""

    async def parts() -> AsyncIterator[bytes]:
        async for picture in _watch(call):
            if picture is not None:
                about = "".join(f"{key}: {value}\r\n" for key, value in picture.headers().items())
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}\r\n{about}\r\n"
                yield head.encode() + picture.jpeg + b"\r\n"

    _check_room(call)
    return StreamingResponse(parts(), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")


async def live_frames(call: Call) -> Response:
    """The live picture, for a program: lengths, JSON and JPEG of each, one after the other."""

    async def messages() -> AsyncIterator[bytes]:
        async for picture in _watch(call):
            state = call.desk.link.state
            frozen = state is not None and state.get("frozen") is not None
            yield SIGN_OF_LIFE if picture is None else picture.message(frozen)

    _check_room(call)
    return StreamingResponse(messages(), media_type="application/octet-stream")


async def stream(call: Call) -> Response:
    """State, reports and events as they come."""
    shared: Stream = call.request.app.state.stream
    desk, token = call.desk, _token_of(call)
    if desk.streams >= STREAMS_MOST:
        raise ApiError(503, "unavailable", f"{STREAMS_MOST} pages listen already: close some")
    return StreamingResponse(
        shared.listen(lambda: desk.accounts.session(token) is not None), media_type="text/event-stream"
    )


async def _watch(call: Call) -> AsyncIterator[LivePicture | None]:
    """The pictures while the session and the page last."""
    question_s = time.monotonic() + ALLOWED_EVERY_S
    pictures = call.desk.pictures.pictures()
    try:
        async for picture in pictures:
            if call.desk.stopping.is_set():
                return
            if time.monotonic() > question_s:
                question_s = time.monotonic() + ALLOWED_EVERY_S
                if await find_session(call.desk, call.request) is None:
                    return
            yield picture
    finally:
        await pictures.aclose()


async def _one_picture(call: Call) -> LivePicture:
    _check_room(call)
    pictures = call.desk.pictures.pictures()
    try:
        async for picture in pictures:
            if picture is None:
                break
            return picture
    finally:
        await pictures.aclose()
    raise ApiError(503, "unavailable", f"no picture came within {SIGN_OF_LIFE_S:.0f} s: see capture and signal")


def _check_room(call: Call) -> None:
    if call.desk.pictures.viewers >= VIEWERS_MOST:
        raise ApiError(503, "unavailable", f"{VIEWERS_MOST} look already: close some pages")


def _token_of(call: Call) -> str:
    return call.request.cookies.get(cookie_name(call.desk.settings.secure), "")


ACTION_ERRORS: Final = (409, 503)
OPERATIONS: Final = (
    Operation("GET", "/api/alive", "Whether the page answers", alive, "anybody", answer=Alive),
    Operation("GET", "/api/live", "How everything is now", live, answer=LiveState, errors=(503,)),
    Operation("GET", "/api/live.jpg", "The newest picture", live_jpeg, media_type="image/jpeg", errors=(503,)),
    Operation(
        "GET", "/api/live.mjpeg", "The live picture, for <img>", live_mjpeg,
        media_type="multipart/x-mixed-replace", errors=(503,),
    ),
    Operation(
        "GET", "/api/live.frames",
        "The live picture: u32 length, JSON (sequence, captured_at, width, height, frozen), u32 length, JPEG ...",
        live_frames, media_type="application/octet-stream", errors=(503,),
    ),
    Operation(
        "GET", "/api/stream", "Server-Sent Events: state, report, delivery, event, opinion, bye", stream,
        media_type="text/event-stream", errors=(503,),
    ),
    Operation("GET", "/api/events", "What happened lately", events, answer=EventList),
    Operation("GET", "/api/health", "How everything is, with models", health, answer=HealthInfo, errors=(503,)),
    Operation("GET", "/api/health/history", "Figures of the last hours", health_history, answer=HealthHistory),
    Operation(
        "POST", "/api/actions/capture", "Analyse the newest picture", capture,
        body=Nothing, answer=ActionResult, errors=ACTION_ERRORS,
    ),
    Operation(
        "POST", "/api/actions/freeze", "Hold the newest picture, or let it go", freeze,
        body=Freeze, answer=ActionResult, errors=ACTION_ERRORS,
    ),
    Operation(
        "POST", "/api/actions/category", "Say what the screen shows until the view ends", choose_category,
        body=ChosenCategory, answer=ActionResult, errors=ACTION_ERRORS,
    ),
    Operation(
        "POST", "/api/tests/message", "Send a test message", test_message, "technician",
        body=Nothing, answer=ActionResult, errors=ACTION_ERRORS,
    ),
    Operation(
        "POST", "/api/tests/lamp", "Blink the lamp", test_lamp, "technician",
        body=Nothing, answer=ActionResult, errors=ACTION_ERRORS,
    ),
    Operation(
        "POST", "/api/tests/picture", "See whether a picture comes", test_picture, "technician",
        body=Nothing, answer=ActionResult, errors=(503,),
    ),
)  # fmt: skip
