"""The reports: list, one of them, its picture, what people say of it, replay and export."""

import asyncio
import json
import sys
from typing import Final

from pydantic import BaseModel
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import Response, StreamingResponse

from cad_modules.contract import CATEGORIES
from edge_app.message_base import UUID7_PATTERN
from edge_app.web.exporting import MOST, Batches, csv_lines, json_lines
from edge_app.web.live_api import ACTION_ERRORS, act
from edge_app.web.operations import Call, Operation
from edge_app.web.people_api import audit
from edge_app.web.problems import ApiError, bad_request, conflict, not_found, too_many
from edge_app.web.report_shapes import (
    CategoryList,
    OpinionGiven,
    Override,
    ReplayResult,
    ReportFilter,
    ReportList,
    ReportPage,
    ReportView,
    ServiceSessions,
)
from edge_app.web.shapes import ActionResult, Nothing
from edge_app.web.worklist import BadCursor

REPLAY_S: Final = 120.0
"""A report that is not made again by then is given up."""
EXPORTS_NAME: Final = "edge-cad-reports"


async def list_reports(call: Call) -> BaseModel:
    """Reports, newest first."""
    try:
        return await run_in_threadpool(call.desk.past.page, call.query)
    except BadCursor as error:
        raise bad_request(str(error)) from error


async def list_categories(call: Call) -> BaseModel:
    """The categories of the reports, and all that the router tells apart."""
    found = await run_in_threadpool(call.desk.past.categories)
    return CategoryList(categories=tuple(found), known=tuple(CATEGORIES))


async def list_sessions(call: Call) -> BaseModel:
    """The last runs of the service."""
    return ServiceSessions(sessions=tuple(await run_in_threadpool(call.desk.past.sessions)))


async def get_report(call: Call) -> BaseModel:
    """One report with all that belongs to it."""
    view = await run_in_threadpool(call.desk.past.view, call.path("report_id"))
    if view is None:
        raise not_found("report")
    return view


async def get_report_json(call: Call) -> Response:
    """A report, byte for byte as it is published."""
    report_id = call.path("report_id")
    body = await run_in_threadpool(call.desk.past.body, report_id)
    if body is None:
        raise not_found("report")
    return Response(body, headers=_attachment(f"{report_id}.json"), media_type="application/json")


async def get_picture(call: Call) -> Response:
    """The picture kept with a report."""
    picture = await run_in_threadpool(call.desk.past.picture, call.path("report_id"))
    if picture is None:
        raise not_found("picture")
    return Response(picture, headers={"cache-control": "private, no-store"}, media_type="image/png")


async def override(call: Call) -> BaseModel:
    """Say what the picture shows instead."""
    await _check_is_here(call)
    return await act(call, "override", report_id=call.path("report_id"), **call.body.model_dump())


async def give_opinion(call: Call) -> BaseModel:
    """Agree or disagree with a finding."""
    await _check_is_here(call)
    report_id = call.path("report_id")
    result = await act(call, "opinion", report_id=report_id, **call.body.model_dump())
    call.request.app.state.stream.tell_opinions(report_id)
    return result


async def replay(call: Call) -> BaseModel:
    """Make a report again and compare, in a process that ends with it."""
    await _check_is_here(call)
    desk = call.desk
    if desk.replaying.locked():
        raise too_many("another report is being made again: wait for it", 5)
    async with desk.replaying:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edge_app.web.replaying",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        asked = json.dumps({"config": desk.settings.config, "report_id": call.path("report_id")}).encode()
        try:
            output, _ = await asyncio.wait_for(process.communicate(asked), REPLAY_S)
        except TimeoutError:
            output = b""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if not output:
        raise ApiError(503, "unavailable", "the report could not be made again: the log says why")
    outcome = json.loads(output)
    if "problem" in outcome:
        raise conflict(outcome["problem"])
    return ReplayResult.model_validate(outcome)


async def export_json_lines(call: Call) -> Response:
    """Reports, one a line."""
    batches = await _exported(call, "jsonl")
    return _streamed(json_lines(batches), "jsonl", "application/jsonl")


async def export_csv(call: Call) -> Response:
    """Findings, one a line."""
    batches = await _exported(call, "csv")
    return _streamed(csv_lines(batches), "csv", "text/csv; charset=utf-8")


async def _exported(call: Call, kind: str) -> Batches:
    await audit(call.desk, {"action": f"export_{kind}", "account": call.who.name})
    return call.desk.past.every(call.query, MOST)


def _streamed(lines: "object", suffix: str, media_type: str) -> Response:
    content = iterate_in_threadpool(lines)  # type: ignore[arg-type, var-annotated]
    return StreamingResponse(content, headers=_attachment(f"{EXPORTS_NAME}.{suffix}"), media_type=media_type)


async def _check_is_here(call: Call) -> None:
    if await run_in_threadpool(call.desk.past.body, call.path("report_id")) is None:
        raise not_found("report")


def _attachment(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}


ONE: Final = "/api/reports/{report_id}"
IDENTIFIED: Final = (("report_id", UUID7_PATTERN),)
OPERATIONS: Final = (
    Operation(
        "GET", "/api/reports", "Reports, newest first", list_reports,
        query=ReportPage, answer=ReportList, errors=(400, 503),
    ),
    Operation("GET", "/api/reports/categories", "Categories", list_categories, answer=CategoryList, errors=(503,)),
    Operation("GET", "/api/sessions", "Runs of the service", list_sessions, answer=ServiceSessions, errors=(503,)),
    Operation(
        "GET", ONE, "One report with all that belongs to it", get_report,
        answer=ReportView, errors=(404, 503), path_patterns=IDENTIFIED,
    ),
    Operation(
        "GET", f"{ONE}/report.json", "A report as it is published", get_report_json,
        errors=(404, 503), path_patterns=IDENTIFIED,
    ),
    Operation(
        "GET", f"{ONE}/picture.png", "The picture kept with a report", get_picture,
        media_type="image/png", errors=(404, 503), path_patterns=IDENTIFIED,
    ),
    Operation(
        "POST", f"{ONE}/override", "Say what the picture shows instead", override,
        body=Override, answer=ActionResult, errors=(404, *ACTION_ERRORS), path_patterns=IDENTIFIED,
    ),
    Operation(
        "POST", f"{ONE}/opinion", "Agree or disagree with a finding", give_opinion,
        body=OpinionGiven, answer=ActionResult, errors=(404, *ACTION_ERRORS), path_patterns=IDENTIFIED,
    ),
    Operation(
        "POST", f"{ONE}/replay", "Make a report again and compare", replay,
        body=Nothing, answer=ReplayResult, errors=(404, 409, 429, 503), path_patterns=IDENTIFIED,
    ),
    Operation(
        "GET", "/api/export.jsonl", "Reports, one a line", export_json_lines,
        query=ReportFilter, media_type="application/jsonl", errors=(400, 503),
    ),
    Operation(
        "GET", "/api/export.csv", "Findings, one a line", export_csv,
        query=ReportFilter, media_type="text/csv", errors=(400, 503),
    ),
)  # fmt: skip
