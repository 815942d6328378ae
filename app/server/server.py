"""The HTTP server: starts immediately, and drains before it stops."""

import asyncio
import logging
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware.gzip import GZipMiddleware

from app.api.exposition import metrics_app
from app.api.middleware.body import BodyLimit
from app.main import create_app
from app.sandbox.pool import SPAWNER
from app.server.crowd import CrowdedConnection
from app.service.service import Service
from app.settings import Settings

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
"""Seconds for which a connection may idle. Clients and proxies commonly keep connections for up to
a minute; the client must be the one that closes, because a request that crosses with the server's
close would be lost.
"""

BACKLOG = 2048
"""Connections that wait to be accepted, as many as uvicorn lets wait."""

CANCEL_SECONDS = 1
"""Seconds that requests cancelled at the end of `drain_seconds` have to send their responses."""


class Server(uvicorn.Server):
    """uvicorn with draining: after SIGTERM or SIGHUP, it listens until all images are finished.

    New requests meanwhile get 503 instead of a refused connection, so that a load balancer that has
    not noticed yet can redirect them. A second signal stops the server at once.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._drain_seconds = service.settings.drain_seconds
        self._deadline: float | None = None
        self._told = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGHUP, which a closing terminal sends, like SIGTERM."""
        hangup = getattr(signal, "SIGHUP", None)
        if hangup is None or threading.current_thread() is not threading.main_thread():
            with super().capture_signals():
                yield
            return
        before = signal.signal(hangup, self.handle_exit)
        try:
            with super().capture_signals():
                yield
        finally:
            signal.signal(hangup, before)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Drain at the first signal, and exit at the second."""
        if self._service.draining:
            self.should_exit = self.force_exit = True
        self._service.drain()

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop; uvicorn calls this ten times a second."""
        if self._told and not self._service.draining:
            self.stop_for_child()
        self._told = SPAWNER.told_to_end()  # acted on one tick later: this process may get it, too
        return await super().on_tick(counter) or self._failed() or self._drained()

    def stop_for_child(self) -> None:
        """Drain because a child process, but not this one, received a signal."""
        self._service.drain()

    def _failed(self) -> bool:
        return self._service.failure is not None

    def _drained(self) -> bool:
        if not self._service.draining:
            return False
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now + self._drain_seconds
            logger.info("draining: %d images in progress", self._service.in_flight)
        return not self._service.in_flight or now >= self._deadline


def serve(settings: Settings) -> int:
    """Run the service until it is told to stop; return its exit code."""
    app = create_app(settings)
    service: Service = app.state.service
    with metrics_apart(settings, service.metrics.registry):
        make_server(app).run()
    return exit_code(service)


def exit_code(service: Service) -> int:
    """Return 1 if the service has failed, else 0."""
    return 1 if service.failure else 0


@contextmanager
def metrics_apart(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    """Serve the metrics on a port of their own, if configured, within the same limits."""
    if not settings.metrics_port:
        yield
        return
    limited = BodyLimit(
        GZipMiddleware(metrics_app(registry)),
        max_bytes=settings.max_head_bytes,
        seconds=settings.body_seconds,
    )
    server = uvicorn.Server(_config(limited, settings, lifespan="off"))
    listener = listen("the metrics", settings.host, settings.metrics_port)
    thread = threading.Thread(target=server.run, args=([listener],), name="metrics")
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def listen(what: str, host: str, port: int) -> socket.socket:
    """Return a socket on which connections wait; log where `what` cannot be served, and exit."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        logger.critical("%s cannot be served on %s, port %d: %s", what, host, port, error)
        raise SystemExit(1) from error


def protocol(settings: Settings) -> type[CrowdedConnection]:
    """Return the HTTP protocol class of one server, with the limits of the settings."""
    return CrowdedConnection.of(
        settings.max_head_bytes, settings.head_seconds, settings.answer_seconds
    )


def make_server(app: FastAPI, kind: Callable[[uvicorn.Config, Service], Server] = Server) -> Server:
    """Return a server for an application made by `create_app`."""
    settings: Settings = app.state.service.settings
    _allow_descriptors()
    config = _config(
        app,
        settings,
        host=settings.host,
        port=settings.port,
        lifespan="on",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
    )
    return kind(config, app.state.service)


def _config(app: Any, settings: Settings, **own: Any) -> uvicorn.Config:
    """Return what all servers have in common, with what one has of its own."""
    return uvicorn.Config(
        app,
        http=protocol(settings),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=CANCEL_SECONDS,
        **own,
    )


def _allow_descriptors() -> None:
    """Raise the limit on open files: an image takes four descriptors, and its connection one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS allows fewer than it reports
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
