"""Errors as the caller sees them: RFC 9457 problem details."""

import math
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.trace import trace_of
from app.imaging.codec import (
    ImagingError,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.inference.batcher import Draining, Overloaded

MEDIA_TYPE = "application/problem+json"
DRAIN_RETRY_AFTER = 5.0
"""Seconds in which another instance is likely to answer in place of one that stops."""

Code = Literal[
    "bad-request",
    "cut-off",
    "draining",
    "failing",
    "internal-error",
    "loading",
    "malformed-form",
    "method-not-allowed",
    "not-found",
    "overloaded",
    "rate-limited",
    "timeout",
    "too-large",
    "too-many-pixels",
    "too-many-requests",
    "too-slow",
    "unauthorized",
    "unknown-model",
    "unreadable-image",
    "unsuitable-format",
    "unsupported-media-type",
    "validation",
]


class InvalidPart(BaseModel):
    """One thing in a request that is not as it should be."""

    model_config = ConfigDict(populate_by_name=True)

    location: Literal["query", "path", "header", "body"] = Field(alias="in")
    name: str = Field(description="The parameter or form field.")
    detail: str


class Problem(BaseModel):
    """Why a request was not served (RFC 9457)."""

    type: Literal["about:blank"] = "about:blank"
    title: str = Field(description="The status in words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What went wrong with this request, and what to do about it.")
    code: Code = Field(description="What went wrong, for programs.")
    request_id: str = Field(description="As in X-Request-ID, and in the service's log.")
    errors: list[InvalidPart] | None = Field(
        default=None, description="Each invalid parameter or field, for code `validation`."
    )


class ProblemError(Exception):
    """Ends a request with a problem; `retry_after`, in seconds, is rounded up, to 1 at least."""

    def __init__(
        self,
        status: int,
        code: Code,
        detail: str,
        *,
        retry_after: float | None = None,
        errors: list[InvalidPart] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.errors = status, code, detail, errors
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))


def invalid_body(name: str, detail: str) -> ProblemError:
    """The 422 for a form field that is missing, unknown or repeated."""
    part = InvalidPart(location="body", name=name, detail=detail)
    return ProblemError(422, "validation", detail, errors=[part])


def problem_response(request: Request, error: Exception) -> Response:
    """The answer to a request that `error` has ended."""
    problem = as_problem(error)
    body = Problem(
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        code=problem.code,
        request_id=trace_of(request.scope).request_id,
        errors=problem.errors,
    )
    return JSONResponse(
        body.model_dump(mode="json", by_alias=True, exclude_none=True),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def as_problem(error: Exception) -> ProblemError:
    """The problem that an error of any layer is to the caller; 500 if nobody foresaw it."""
    match error:
        case ProblemError():
            return error
        case RequestValidationError():
            parts = _invalid_parts(error)
            detail = "; ".join(f"{part.name}: {part.detail}" for part in parts)
            return ProblemError(422, "validation", detail, errors=parts)
        case HTTPException():
            code, reason = _HTTP_PROBLEMS.get(error.status_code, ("bad-request", error.detail))
            return ProblemError(error.status_code, code, reason, headers=error.headers)
        case ImagingError():
            status, image_code = _IMAGE_CODES.get(type(error), (400, "unreadable-image"))
            return ProblemError(status, image_code, str(error))
        case Overloaded():
            detail = "The service has as much work as it can take."
            return ProblemError(503, "overloaded", detail, retry_after=error.retry_after)
        case Draining():
            detail = "The service is stopping and takes no new work."
            return ProblemError(503, "draining", detail, retry_after=DRAIN_RETRY_AFTER)
        case _:
            detail = "The service failed; the error has been logged under this request's id."
            return ProblemError(500, "internal-error", detail)


_HTTP_PROBLEMS: dict[int, tuple[Code, str]] = {
    404: ("not-found", "There is nothing at this path; /docs says what there is."),
    405: ("method-not-allowed", "The path exists, but not for this method; Allow says for which."),
}

_IMAGE_CODES: dict[type[ImagingError], tuple[int, Code]] = {
    UnreadableImage: (400, "unreadable-image"),
    TooManyPixels: (413, "too-many-pixels"),
    UnsupportedImage: (415, "unsupported-media-type"),
    UnsuitableFormat: (422, "unsuitable-format"),
}


def _invalid_parts(error: RequestValidationError) -> list[InvalidPart]:
    """One entry for each fault; that an optional parameter is not absent either is none."""
    return [
        InvalidPart(location=entry["loc"][0], name=entry["loc"][1], detail=f"{entry['msg']}.")
        for entry in error.errors()
        if entry["type"] != "none_required"
    ]


async def _handle(request: Request, error: Exception) -> Response:
    return problem_response(request, error)


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

HANDLERS: dict[int | type[Exception], Handler] = dict.fromkeys(
    (ProblemError, RequestValidationError, HTTPException, ImagingError, Overloaded, Draining),
    _handle,
)
"""For FastAPI; whatever is not named here ends in the middleware that observes requests."""
