"""The HTTP server: starts at once, stops without cutting anybody off."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.api.head import LimitedHead
from app.api.models import Models
from app.main import create_app
from app.settings import Settings

logger = logging.getLogger(__name__)

CANCEL_SECONDS = 1
"""For requests that are cancelled at the end of drain_seconds to answer that they were."""


class Server(uvicorn.Server):
    """uvicorn, draining: at SIGTERM it goes on listening until what is in flight is answered.

    New requests meanwhile get 503 rather than a refused connection, so a load balancer that has
    not noticed yet can send them elsewhere. A second signal stops at once.
    """

    def __init__(self, config: uvicorn.Config, models: Models, drain_seconds: float) -> None:
        super().__init__(config)
        self._models = models
        self._drain_seconds = drain_seconds
        self._deadline: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """The signal handler."""
        if self._models.draining:
            self.should_exit = self.force_exit = True
        self._models.drain()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether it is time to stop."""
        return await super().on_tick(counter) or self._models.failure is not None or self._drained()

    def _drained(self) -> bool:
        if not self._models.draining:
            return False
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now + self._drain_seconds
            logger.info("draining: %d requests in flight", len(self.server_state.tasks))
        return not self.server_state.tasks or now >= self._deadline


def serve(settings: Settings) -> int:
    """Runs the service in this process; exit code 1 if the models cannot be served."""
    app = create_app(settings)
    make_server(app).run()
    models: Models = app.state.service.models
    return 1 if models.failure else 0


def make_server(
    app: FastAPI, kind: type[Server] = Server, beat: Callable[[], Awaitable[None]] | None = None
) -> Server:
    """The server of an application that `create_app` has made, by its settings.

    `beat` is called once a second.
    """
    settings: Settings = app.state.service.settings
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=LimitedHead.of(settings.max_head_bytes, settings.head_seconds),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=CANCEL_SECONDS,
        callback_notify=beat,
        timeout_notify=0,
    )
    return kind(config, app.state.service.models, settings.drain_seconds)
