"""Errors as clients see them: RFC 9457 problem details."""

import math
from collections.abc import Callable, Coroutine, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.catalogue import CATALOGUE, Code
from app.api.trace import trace_of
from app.imaging.codec import (
    ImagingError,
    TooManyPixels,
    UnreadableImage,
    UnsuitableFormat,
    UnsupportedImage,
)
from app.inference.batcher import Draining, Overloaded
from app.sandbox.faults import Cause, WorkerLost
from app.service.errors import (
    Broken,
    Failing,
    Loading,
    NeedsTooMuchMemory,
    SizesDiffer,
    TakesTooLong,
    UnknownJob,
    UnknownModel,
)

MEDIA_TYPE = "application/problem+json"
DRAIN_RETRY_AFTER = 5.0
"""Seconds in which another instance is likely to replace one that stops or is broken."""
LOADING_RETRY_AFTER = 5.0
"""Seconds in which models are likely to be loaded and warm."""
FAILING_RETRY_AFTER = 1.0
"""Seconds until the service tries again whether a model works."""
MEMORY_RETRY_AFTER = 10.0
"""Seconds in which other images are likely to be done."""
LOST_RETRY_AFTER = 1.0
"""Seconds; another process is available immediately."""


class InvalidPart(BaseModel):
    """One invalid part of a request."""

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
    """End a request with a problem; `retry_after`, in seconds, is rounded up, to at least 1."""

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


def problem(
    code: Code,
    *,
    retry_after: float | None = None,
    errors: list[InvalidPart] | None = None,
    headers: Mapping[str, str] | None = None,
    **fields: Any,
) -> ProblemError:
    """Return a problem of the catalogue; raise KeyError if a field of its text is missing."""
    row = CATALOGUE[code]
    return ProblemError(
        row.status,
        code,
        row.detail(**fields),
        retry_after=retry_after,
        errors=errors,
        headers=headers,
    )


def invalid_body(name: str, detail: str) -> ProblemError:
    """Return the 422 problem for a form field that is missing, unknown or repeated."""
    part = InvalidPart(location="body", name=name, detail=detail)
    return problem("validation", errors=[part], reason=detail)


def invalid_query(repeated: Iterable[str]) -> ProblemError:
    """Return the 422 problem for parameters that a query has more than once."""
    detail = "It is there more than once, and only one value can be meant."
    parts = [InvalidPart(location="query", name=name, detail=detail) for name in repeated]
    return problem("validation", errors=parts, reason=_in_words(parts))


def invalid_fields(error: ValidationError) -> ProblemError:
    """Return the 422 problem for form fields with invalid values."""
    parts = _parts_of(error.errors(), ("body",))
    return problem("validation", errors=parts, reason=_in_words(parts))


def problem_of(error: Exception, request_id: str) -> Problem:
    """Return `error` as a response describes it."""
    found = as_problem(error)
    return Problem(
        title=HTTPStatus(found.status).phrase,
        status=found.status,
        detail=found.detail,
        code=found.code,
        request_id=request_id,
        errors=found.errors,
    )


def problem_response(request: Request, error: Exception) -> Response:
    """Return the response to a request that `error` has ended."""
    found = as_problem(error)
    body = problem_of(found, trace_of(request.scope).request_id)
    return JSONResponse(
        body.model_dump(mode="json", by_alias=True, exclude_none=True),
        status_code=found.status,
        headers=found.headers,
        media_type=MEDIA_TYPE,
    )


def as_problem(error: Exception) -> ProblemError:
    """Return the problem for an error of any layer: 500 for unforeseen ones."""
    match error:
        case ProblemError():
            return error
        case RequestValidationError():
            parts = _parts_of(error.errors())
            return problem("validation", errors=parts, reason=_in_words(parts))
        case HTTPException():
            code = _HTTP_CODES.get(error.status_code)
            if code is None:
                headers = error.headers
                return ProblemError(error.status_code, "bad-request", error.detail, headers=headers)
            return problem(code, headers=error.headers)
        case ImagingError():
            return problem(_IMAGE_CODES.get(type(error), "unreadable-image"), reason=str(error))
        case UnknownModel():
            return problem("unknown-model", name=error.name, names=", ".join(error.names))
        case UnknownJob():
            return problem("unknown-job", seconds=error.seconds)
        case TakesTooLong():
            remedy = f", or with {error.faster}" if error.faster else ""
            return problem(
                "takes-too-long", seconds=error.seconds, limit=error.limit, remedy=remedy
            )
        case Loading():
            return problem("loading", retry_after=LOADING_RETRY_AFTER)
        case Broken():
            return problem("broken", retry_after=DRAIN_RETRY_AFTER)
        case Failing():
            return problem("failing", retry_after=FAILING_RETRY_AFTER)
        case SizesDiffer():
            return invalid_body("image", str(error))
        case NeedsTooMuchMemory():
            return problem("needs-too-much-memory")
        case Overloaded():
            return problem("overloaded", retry_after=error.retry_after)
        case MemoryError():
            return problem("no-memory", retry_after=MEMORY_RETRY_AFTER)
        case WorkerLost():
            return _lost(error)
        case Draining():
            return problem("draining", retry_after=DRAIN_RETRY_AFTER)
        case _:
            return problem("internal-error")


def _lost(error: WorkerLost) -> ProblemError:
    """Return the problem for the loss of the process that worked on an image."""
    if error.cause in _LIMIT_CODES:
        return problem(_LIMIT_CODES[error.cause])
    return problem("worker-lost", retry_after=LOST_RETRY_AFTER)


_LIMIT_CODES: dict[Cause, Code] = {
    Cause.TIME: "needs-too-much-time",
    Cause.MEMORY: "needs-too-much-memory",
}


_HTTP_CODES: dict[int, Code] = {404: "not-found", 405: "method-not-allowed"}

_IMAGE_CODES: dict[type[ImagingError], Code] = {
    UnreadableImage: "unreadable-image",
    TooManyPixels: "too-many-pixels",
    UnsupportedImage: "unsupported-media-type",
    UnsuitableFormat: "unsuitable-format",
}


def _parts_of(errors: Iterable[Any], place: tuple[str, ...] = ()) -> list[InvalidPart]:
    """Return one entry for each fault; that an optional parameter is not None is not one.

    `place` says where the fields are, if the errors do not.
    """
    return [
        InvalidPart(location=where[0], name=where[1], detail=_detail_of(entry))
        for entry in errors
        if entry["type"] != "none_required"
        for where in [(*place, *entry["loc"])]
    ]


def _detail_of(entry: Any) -> str:
    if entry["type"] == "extra_forbidden":
        return "There is no such parameter; /docs lists them."
    return f"{entry['msg'].removeprefix('Value error, ').removesuffix('.')}."


def _in_words(parts: Iterable[InvalidPart]) -> str:
    return " ".join(f"{part.name}: {part.detail}" for part in parts)


async def _handle(request: Request, error: Exception) -> Response:
    return problem_response(request, error)


async def _handle_http(request: Request, error: HTTPException) -> Response:
    """Respond to a wrong method with all methods of the path, not those of one route."""
    route = getattr(request.scope.get("route"), "path", None)
    described = request.app.openapi()["paths"].get(route)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and described:
        methods = {method.upper() for method in described}
        methods |= {"HEAD"} if "GET" in methods else set()
        error.headers = {"Allow": ", ".join(sorted(methods))}
    return problem_response(request, error)


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

HANDLERS: dict[int | type[Exception], Handler] = {
    HTTPException: _handle_http,
    **dict.fromkeys(
        (
            *(ProblemError, RequestValidationError),
            *(ImagingError, Overloaded, Draining, WorkerLost),
            *(Loading, Failing, Broken, UnknownModel, UnknownJob),
            *(NeedsTooMuchMemory, TakesTooLong, SizesDiffer),
        ),
        _handle,
    ),
}
"""For FastAPI; other errors end in the middleware that observes requests."""
