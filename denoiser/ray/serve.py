"""The service on Ray Serve: `serve run denoiser.ray:app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from ray import serve
from ray.serve import Application

from app.main import create_app, lifespan
from app.service.service import Service
from app.settings import Settings
from denoiser.ray.data import portable
from denoiser.ray.metrics import Exported

EXPORT_SECONDS = 5.0


class Scale(BaseModel):
    """How many replicas there are and what each takes; arguments of `serve run`."""

    model_config = ConfigDict(extra="forbid")

    min_replicas: int = Field(default=1, ge=0)
    max_replicas: PositiveInt = 1
    cpus: PositiveFloat = 2.0
    """Cores of a replica, and threads of one forward pass."""
    gpus: float = Field(default=0.0, ge=0)
    ongoing: PositiveInt = 8
    """Requests in progress per replica to aim at: fewer replicas below that, more above."""


def app(scale: Scale) -> Application:
    """Return the application for Ray Serve; settings come from the environment of the caller.

    A replica gets at most four times `ongoing` requests at a time. Others wait at the proxy, which
    answers 503 if more than DENOISER_MAX_REQUESTS wait.
    """
    settings = Settings()
    deployment = serve.deployment(
        Replica,
        name="denoiser",
        ray_actor_options={"num_cpus": scale.cpus, "num_gpus": scale.gpus},
        max_ongoing_requests=4 * scale.ongoing,
        max_queued_requests=settings.max_requests,
        graceful_shutdown_timeout_s=settings.drain_seconds,
        autoscaling_config={
            "min_replicas": scale.min_replicas,
            "max_replicas": max(scale.min_replicas, scale.max_replicas),
            "target_ongoing_requests": scale.ongoing,
        },
    )
    return deployment.bind(portable(settings, scale.cpus))


@serve.ingress()
class Replica:
    """One process that serves, with models, queue and limits of its own.

    Ray Serve sends it requests once its models are loaded. Before it ends, it gets no more requests
    and may finish those in progress, within DENOISER_DRAIN_SECONDS.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = Settings(**settings)
        self._service: Service | None = None

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Return the application that answers the requests."""
        app = create_app(self._settings)
        self._service = app.state.service
        app.router.lifespan_context = ready_first
        return app

    def check_health(self) -> None:
        """Raise Broken once only a restart can help; Ray Serve then replaces the replica."""
        if self._service:
            self._service.require_live()


@asynccontextmanager
async def ready_first(app: FastAPI) -> AsyncIterator[None]:
    """Run the service, and enter the block once its models are loaded."""
    service: Service = app.state.service
    async with lifespan(app):
        while not service.ready:
            service.require_live()
            await asyncio.sleep(0.1)
        exporting = asyncio.create_task(_export(service))
        try:
            yield
        finally:
            exporting.cancel()


async def _export(service: Service) -> None:
    exported = Exported(service.metrics.registry)
    while True:
        exported.update()
        await asyncio.sleep(EXPORT_SECONDS)
