"""What the API can do, one entry each: the routes, their guards and the OpenAPI document are all made of these."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from edge_app.errors import StoreError
from edge_app.identifiers import uuid7
from edge_app.web.access import check_csrf, find_session, same_origin
from edge_app.web.accounts import Session
from edge_app.web.desk import Desk
from edge_app.web.problems import ApiError, bad_request, invalid, problem_response
from edge_app.web.service_link import NoAnswer

BODY_BYTES: Final = 64 * 1024
Allowed: TypeAlias = Literal["anybody", "operator", "technician"]
"""Who may do it; a technician may do what an operator may."""

logger = logging.getLogger(__name__)
ShapeType = TypeVar("ShapeType", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked."""

    desk: Desk
    request: Request
    session: Session | None
    body: Any
    query: Any

    @property
    def who(self) -> Session:
        """Who is signed in; for what not everybody may do."""
        assert self.session is not None
        return self.session

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that the API does."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    summary: str
    handler: Callable[[Call], Awaitable[Response | BaseModel]]
    allowed: Allowed = "operator"
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    media_type: str = "application/json"
    """Of the answer."""
    status: int = 200
    errors: tuple[int, ...] = ()
    """Beside those that the guards give."""
    csrf: bool = True
    """Whether a token is asked for, if the method can change something."""
    path_patterns: tuple[tuple[str, str], ...] = ()
    """Pattern of each part of the path; another one is not found."""

    @property
    def changes(self) -> bool:
        """Whether the method can change something."""
        return self.method != "GET"


def route_of(operation: Operation, desk: Desk) -> Route:
    """The route that does it."""

    async def endpoint(request: Request) -> Response:
        try:
            return await _carry_out(operation, desk, request)
        except ApiError as problem:
            return problem_response(problem)
        except NoAnswer:
            text = "the service does not answer: look at its state, and try again"
            return problem_response(ApiError(503, "unavailable", text))
        except StoreError as error:
            logger.error("%s %s: %s", operation.method, operation.path, error)
            return problem_response(ApiError(503, "unavailable", "the store cannot be read just now: try again"))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            number = uuid7()
            logger.exception("%s %s went wrong (%s)", operation.method, operation.path, number)
            text = f"this went wrong; the log says why under {number}"
            return problem_response(ApiError(500, "internal", text))

    return Route(operation.path, endpoint, methods=[operation.method])


async def _carry_out(operation: Operation, desk: Desk, request: Request) -> Response:
    session = await find_session(desk, request)
    if operation.allowed != "anybody":
        if session is None:
            raise ApiError(401, "not_logged_in", "sign in first")
        if operation.allowed == "technician" and session.role != "technician":
            raise ApiError(403, "forbidden", "this is for technicians")
    if operation.changes:
        same_origin(request, desk.settings.secure)
        if operation.csrf:
            check_csrf(request, session)
    query = None if operation.query is None else _checked(operation.query, _query_values(request), "query")
    body = None if operation.body is None else _checked(operation.body, await _json_of(request), "body")
    answer = await operation.handler(Call(desk, request, session, body, query))
    if isinstance(answer, Response):
        return answer
    return Response(answer.model_dump_json(by_alias=True), operation.status, media_type="application/json")


def _checked(shape: type[ShapeType], content: object, where: str) -> ShapeType:
    try:
        return shape.model_validate_json(content) if isinstance(content, bytes) else shape.model_validate(content)
    except ValidationError as error:
        raise invalid(error, where) from error


def _query_values(request: Request) -> dict[str, str]:
    """Each parameter once; one that is empty counts as left out."""
    values: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        if key in values:
            raise bad_request(f"{key} is given twice")
        if value:
            values[key] = value
    return values


async def _json_of(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "bad_request", "send JSON: Content-Type: application/json")
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > BODY_BYTES:
            raise ApiError(
                413, "too_large", f"a request has at most {BODY_BYTES} bytes", headers={"connection": "close"}
            )
    return content or b"{}"
