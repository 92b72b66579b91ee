"""How the API says that something is wrong: always the same JSON, ``shapes.Problem``."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response

from edge_app.web.shapes import Problem


@dataclass(eq=False)
class ApiError(Exception):
    """Ends a request with an error."""

    status: int
    code: str
    text: str
    """In plain words, with the way out."""
    details: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def problem_response(error: ApiError) -> Response:
    """The error as JSON."""
    content = Problem(error=error.code, text=error.text, details=error.details).model_dump_json()
    return Response(content, error.status, error.headers, "application/json")


def invalid(error: ValidationError, where: str) -> ApiError:
    """What of a request does not have the form that it needs; what was sent is not repeated."""
    problems = [
        {"at": ".".join((where, *map(str, found["loc"]))), "text": found["msg"]}
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return ApiError(
        422, "invalid", "; ".join(f"{one['at']}: {one['text']}" for one in problems), {"problems": problems}
    )


def bad_request(text: str) -> ApiError:
    """The request makes no sense."""
    return ApiError(400, "bad_request", text)


def not_found(what: str) -> ApiError:
    """It is not here."""
    return ApiError(404, "not_found", f"there is no such {what}")


def conflict(text: str) -> ApiError:
    """It cannot be done as things are."""
    return ApiError(409, "conflict", text)


def too_many(text: str, retry_after_s: float = 2.0) -> ApiError:
    """It can be done later."""
    seconds = max(1, round(retry_after_s + 0.5))
    return ApiError(429, "too_many", text, {"retry_after_s": seconds}, {"retry-after": str(seconds)})
