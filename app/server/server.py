"""The HTTP server: starts at once, stops without cutting anybody off."""

import asyncio
import logging
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, make_asgi_app

from app.api.middleware.body import BodyLimit
from app.main import create_app
from app.sandbox.pool import NURSERY
from app.server.head import LimitedHead
from app.service.service import Service
from app.settings import Settings

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
"""For which a connection may idle: longer than clients and proxies keep one, a minute at most by
habit. Who hangs up first must be the client: what it sends just then would be lost.
"""

CANCEL_SECONDS = 1
"""For requests that are cancelled at the end of drain_seconds to answer that they were."""


class Server(uvicorn.Server):
    """uvicorn, draining: at SIGTERM or SIGHUP it listens on until all pictures taken are answered.

    New requests meanwhile get 503 rather than a refused connection, so a load balancer that has
    not noticed yet can send them elsewhere. A second signal stops at once.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._drain_seconds = service.settings.drain_seconds
        self._deadline: float | None = None
        self._told = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGHUP, which a terminal sends when it is closed, is taken for SIGTERM."""
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
        """The signal handler."""
        if self._service.draining:
            self.should_exit = self.force_exit = True
        self._service.drain()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether it is time to stop."""
        if self._told and not self._service.draining:
            self.stop_for_child()
        self._told = NURSERY.told_to_end()  # acted on a tick later: the same may come to us, too
        return await super().on_tick(counter) or self._failed() or self._drained()

    def stop_for_child(self) -> None:
        """Drains since a child was told to end, and this process was not."""
        self._service.drain()

    def _failed(self) -> bool:
        return self._service.failure is not None

    def _drained(self) -> bool:
        if not self._service.draining:
            return False
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now + self._drain_seconds
            logger.info("draining: %d pictures in flight", self._service.in_flight)
        return not self._service.in_flight or now >= self._deadline


def serve(settings: Settings) -> int:
    """Runs the service until it is told to stop; exit code 1 if it cannot serve any more."""
    app = create_app(settings)
    service: Service = app.state.service
    with metrics_apart(settings, service.metrics.registry):
        make_server(app).run()
    return exit_code(service)


def exit_code(service: Service) -> int:
    """1 if it could not serve any more."""
    return 1 if service.failure else 0


@contextmanager
def metrics_apart(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    """Answers the metrics on a port of their own, if they have one, within the same limits."""
    if not settings.metrics_port:
        yield
        return
    limited = BodyLimit(
        make_asgi_app(registry), max_bytes=settings.max_head_bytes, seconds=settings.body_seconds
    )
    config = uvicorn.Config(
        limited,
        http=protocol(settings),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=CANCEL_SECONDS,
    )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.metrics_port), family=family)
    except OSError as error:
        logger.critical("the metrics cannot be served on port %d: %s", settings.metrics_port, error)
        raise SystemExit(1) from error
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="metrics")
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def protocol(settings: Settings) -> type[LimitedHead]:
    """HTTP within the limits of the settings."""
    return LimitedHead.of(settings.max_head_bytes, settings.head_seconds, settings.answer_seconds)


def make_server(app: FastAPI, kind: Callable[[uvicorn.Config, Service], Server] = Server) -> Server:
    """The server of an application that `create_app` has made, by its settings."""
    settings: Settings = app.state.service.settings
    _allow_descriptors()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol(settings),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=CANCEL_SECONDS,
    )
    return kind(config, app.state.service)


def _allow_descriptors() -> None:
    """As many as the system lets this process have: a picture takes four, and its socket one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS allows fewer than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
