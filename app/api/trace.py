"""The trace of a request in its headers and its ASGI scope."""

import re

from starlette.types import Scope

from app.service.trace import Trace, new_id

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def trace_for(request_id: str | None) -> Trace:
    """Return a new trace, with the caller's own id if that is safe to log and to echo."""
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        request_id = new_id()
    return Trace(request_id)


def trace_of(scope: Scope) -> Trace:
    """Return the trace of the request with this ASGI scope."""
    trace: Trace = scope["state"]["trace"]
    return trace


def server_timing(trace: Trace) -> str:
    """Return the value of a Server-Timing header, in milliseconds."""
    times = {**trace.stages, "total": trace.elapsed}
    return ", ".join(f"{name};dur={seconds * 1e3:.1f}" for name, seconds in times.items())
