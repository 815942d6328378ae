"""The parts of one running service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.sandbox.pool import Sandbox
from app.service.errors import Broken
from app.service.jobs import Jobs
from app.service.memory import Memory
from app.service.metrics import Metrics
from app.service.models import Models
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """The state of one service, independent of HTTP."""

    settings: Settings
    models: Models
    memory: Memory
    metrics: Metrics
    sandbox: Sandbox
    jobs: Jobs

    @classmethod
    def create(cls, settings: Settings) -> "Service":
        """Return a service whose models are yet to be loaded."""
        models = Models(settings)
        memory = Memory(
            settings.memory_bytes, settings.max_requests, backlog=lambda: models.queued_seconds
        )
        sandbox = Sandbox(settings.codec_processes)
        jobs = Jobs(memory, limit=settings.max_jobs, seconds=settings.job_seconds)
        metrics = Metrics(models, memory, sandbox, jobs)
        return cls(settings, models, memory, metrics, sandbox, jobs)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load and watch the models in the background until the end of the block.

        May be entered again afterwards, even on another event loop; the models are then loaded
        anew.
        """
        self.models.reopen()
        self.sandbox.start()
        self.jobs.open()
        running = asyncio.create_task(self.models.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])
            await self.jobs.close()
            await self.models.close()
            self.sandbox.close()

    @property
    def failure(self) -> BaseException | None:
        """Why the service cannot recover: models that cannot be loaded, or a dead thread."""
        return self.models.failure

    @property
    def ready(self) -> bool:
        """Whether requests are served: all models are loaded and work, and it is not draining."""
        return self.models.ready

    @property
    def draining(self) -> bool:
        """Whether new requests are refused because the service is stopping."""
        return self.models.draining

    @property
    def in_flight(self) -> int:
        """Requests and jobs whose responses are yet to be sent."""
        return self.memory.shares - self.jobs.collected

    def drain(self) -> None:
        """Refuse new requests; those in progress continue. Safe in a signal handler."""
        self.models.drain()

    def require_live(self) -> None:
        """Raise Broken once there is a `failure`."""
        if self.failure is not None:
            raise Broken

    def require_ready(self) -> None:
        """Raise Draining, Broken, Loading or Failing, unless `ready`."""
        self.models.require_ready()
