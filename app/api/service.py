"""What the endpoints work with."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.api.memory import Memory, Share
from app.api.metrics import Metrics
from app.api.models import Models
from app.api.trace import Trace, trace_of
from app.sandbox.pool import Sandbox
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """The state of one application."""

    settings: Settings
    models: Models
    memory: Memory
    metrics: Metrics
    sandbox: Sandbox

    @classmethod
    def create(cls, settings: Settings) -> "Service":
        """A service whose models are yet to be loaded."""
        models = Models(settings)
        memory = Memory(
            settings.memory_bytes, settings.max_requests, backlog=lambda: models.queued_seconds
        )
        sandbox = Sandbox(settings.codec_processes)
        return cls(settings, models, memory, Metrics(models, memory, sandbox), sandbox)


# These are coroutines only because FastAPI sends plain functions through its thread pool.
async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _trace(request: Request) -> Trace:
    return trace_of(request.scope)


ServiceOf = Annotated[Service, Depends(_service)]
TraceOf = Annotated[Trace, Depends(_trace)]


async def _share(service: ServiceOf) -> AsyncIterator[Share]:
    service.models.accept()
    with service.memory.share() as share:
        yield share


ShareOf = Annotated[Share, Depends(_share)]
"""The request's part of the memory, until its answer is sent; refused while draining."""
