"""Turn the errors of every layer into problems, and problems into responses."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.catalogue import Code
from app.api.problems import MEDIA_TYPE, ProblemError, invalid, invalid_body, problem
from app.api.trace import trace_of
from app.imaging.picture import ImagingError
from app.inference.batcher import Draining, Overloaded
from app.sandbox.faults import WorkerLost
from app.service.errors import (
    Broken,
    Failing,
    Loading,
    NeedsTooMuchMemory,
    ServiceError,
    SizesDiffer,
    TakesTooLong,
    UnknownJob,
    UnknownModel,
)

DRAIN_RETRY_AFTER = 5.0
"""Seconds in which another instance is likely to replace one that stops or is broken."""
LOADING_RETRY_AFTER = 5.0
"""Seconds in which models are likely to be loaded and warm."""
FAILING_RETRY_AFTER = 1.0
"""Seconds until the service next tries whether a model works."""
MEMORY_RETRY_AFTER = 10.0
"""Seconds in which other images are likely to finish."""
LOST_RETRY_AFTER = 1.0
"""Seconds; a new process is available almost at once."""

_HTTP_CODES: dict[int, Code] = {404: "not-found", 405: "method-not-allowed"}


def as_problem(error: Exception) -> ProblemError:
    """Return the problem for an error of any layer: 500 for an unforeseen one."""
    match error:
        case ProblemError():
            return error
        case RequestValidationError():
            return invalid(error.errors())
        case HTTPException():
            code = _HTTP_CODES.get(error.status_code)
            if code is None:
                headers = error.headers
                return ProblemError(error.status_code, "bad-request", error.detail, headers=headers)
            return problem(code, headers=error.headers)
        case ImagingError():
            return problem(error.code, reason=str(error))
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
        case WorkerLost(code="worker-lost"):
            return problem("worker-lost", retry_after=LOST_RETRY_AFTER)
        case WorkerLost():
            return problem(error.code)
        case Draining():
            return problem("draining", retry_after=DRAIN_RETRY_AFTER)
        case _:
            return problem("internal-error")


def problem_response(request: Request, error: Exception) -> Response:
    """Return the response to a request that `error` has ended."""
    found = as_problem(error)
    body = found.describe(trace_of(request.scope).request_id)
    return JSONResponse(
        body.as_json(),
        status_code=found.status,
        headers=found.headers,
        media_type=MEDIA_TYPE,
    )


async def _handle(request: Request, error: Exception) -> Response:
    return problem_response(request, error)


async def _handle_http(request: Request, error: HTTPException) -> Response:
    """Respond to a wrong method with the methods of all routes of the path, not of one alone."""
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
            *(ServiceError, ImagingError, Overloaded, Draining, WorkerLost),
        ),
        _handle,
    ),
}
"""The handlers for FastAPI; every other error reaches the middleware that observes requests."""
