"""The dependencies that FastAPI injects into routes."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from app.api.trace import trace_of
from app.service.service import Service
from app.service.trace import Trace
from app.service.work import Work


# These are coroutines only because FastAPI runs plain functions in its thread pool.
async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _trace(request: Request) -> Trace:
    return trace_of(request.scope)


ServiceOf = Annotated[Service, Depends(_service)]
TraceOf = Annotated[Trace, Depends(_trace)]


async def _work(service: ServiceOf, trace: TraceOf) -> AsyncIterator[Work]:
    service.models.require_open()
    with service.memory.share(trace.client) as share:
        yield Work(service, trace, share)


WorkOf = Annotated[Work, Depends(_work)]
"""The work on the images of a request, which holds its share of memory until the response is sent.
Refused while the service drains.
"""
