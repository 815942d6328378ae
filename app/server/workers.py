"""Run several processes that serve one socket: start, restart and stop them together.

TensorFlow must not be forked once it has started, so each worker is a fresh Python process with its
own models, queue and limits. The first idle worker accepts the next connection.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_bool
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import mark_process_dead

from app.logs import configure_logs
from app.main import create_app
from app.server.server import Server, exit_code, listen, make_server, metrics_apart
from app.server.siblings import Siblings, listener_of
from app.service.metrics import WorkersTotals
from app.service.service import Service
from app.settings import Settings

logger = logging.getLogger(__name__)

SPAWN = multiprocessing.get_context("spawn")
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
SIGNALS = [signal.SIGTERM, signal.SIGINT]
if sys.platform != "win32":
    SIGNALS.append(signal.SIGHUP)
LONGEST_PAUSE = 30.0
"""Most seconds until a worker that keeps dying is restarted: 1 at first, doubling each time."""


def serve(settings: Settings) -> int:
    """Run `settings.workers` processes until told to stop; return the exit code.

    The exit code is 1 if the workers cannot serve. SIGTERM, SIGINT and SIGHUP drain all of them; a
    second signal kills them.
    """
    with (
        listen("the service", settings.host, settings.port) as listener,
        tempfile.TemporaryDirectory() as folder,
    ):
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        logger.info(
            "running on http://%s:%d (Press CTRL+C to quit)", host, listener.getsockname()[1]
        )
        os.environ[SHARED_METRICS] = folder  # read when the workers import prometheus_client
        registry = CollectorRegistry()
        registry.register(WorkersTotals(Path(folder)))
        try:
            with metrics_apart(settings, registry):
                return Supervisor(settings, listener, Path(folder)).run()
        finally:
            del os.environ[SHARED_METRICS]


def threads_each(settings: Settings) -> int:
    """Return the threads of one worker: the number in the settings, or its share of the cores."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return settings.threads or max(1, cores // settings.workers)


def devices() -> list[str]:
    """Return the GPUs available to this process, named as in CUDA_VISIBLE_DEVICES."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name]
    return [str(index) for index, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


@dataclass
class Worker:
    """One worker process; a new Worker replaces one that has died."""

    number: int
    process: SpawnProcess
    ready: Any
    """A shared bool: whether the worker has ever been ready."""
    deaths: int = 0
    """Consecutive deaths without being ready in between."""
    due: float | None = None
    """Time of the restart on the monotonic clock; None while the worker lives."""


class Supervisor:
    """Keeps the workers alive until a signal comes."""

    def __init__(self, settings: Settings, listener: socket.socket, folder: Path) -> None:
        """`folder` is for what the workers share, and for them alone."""
        self._settings = settings.model_copy(update={"threads": threads_each(settings)})
        self._listener, self._folder = listener, folder
        self._devices = devices()
        self._signals, self._signalled = SPAWN.Pipe(duplex=False)

    def run(self) -> int:
        """Run until a signal comes; return 1 if a worker ended before any was ready, else 0."""
        with self._handling_signals():
            workers = [self._start(number) for number in range(self._settings.workers)]
            has_served = False
            while not self._wait(workers):
                has_served = has_served or any(worker.ready.value for worker in workers)
                if not has_served and not all(worker.process.is_alive() for worker in workers):
                    logger.critical("a worker cannot serve; all are stopped")
                    self._stop(workers)
                    return 1
                workers = [self._kept_alive(worker) for worker in workers]
            self._stop(workers)
        return 0

    def _start(self, number: int, *, patient: bool = False) -> Worker:
        ready = SPAWN.RawValue(c_bool, False)
        device = self._devices[number % len(self._devices)] if self._devices else None
        process = SPAWN.Process(
            target=_work,
            args=(number, self._settings, self._listener, self._folder, ready, device, patient),
            name=f"worker-{number}",
            daemon=True,
        )
        process.start()
        return Worker(number, process, ready)

    def _kept_alive(self, worker: Worker) -> Worker:
        """Return the worker, or its replacement once a restart is due."""
        if worker.process.is_alive():
            return worker
        now = time.monotonic()
        if worker.due is None:
            mark_process_dead(worker.process.pid)  # type: ignore[no-untyped-call]
            worker.deaths = 1 if worker.ready.value else worker.deaths + 1
            pause = min(LONGEST_PAUSE, 2.0 ** (worker.deaths - 1))
            worker.due = now + pause
            code = worker.process.exitcode
            logger.error("worker %d died (%s); starting it in %g s", worker.number, code, pause)
        if now < worker.due:
            return worker
        successor = self._start(worker.number, patient=True)
        successor.deaths = worker.deaths
        return successor

    def _wait(self, workers: list[Worker]) -> bool:
        """Wait for a death, a due restart or a signal; return whether a signal came."""
        times = [worker.due for worker in workers if worker.due is not None]
        timeout = max(0.0, min(times) - time.monotonic()) if times else None
        living = [worker.process.sentinel for worker in workers if worker.due is None]
        return self._signals in wait([self._signals, *living], timeout)

    def _stop(self, workers: list[Worker]) -> None:
        """Let the workers drain, and kill them at a second signal."""
        for worker in workers:
            worker.process.terminate()
        while living := [worker.process for worker in workers if worker.process.is_alive()]:
            self._take_signals()
            if self._signals in wait([self._signals, *(process.sentinel for process in living)]):
                for process in living:
                    process.kill()

    def _take_signals(self) -> None:
        while self._signals.poll():
            self._signals.recv_bytes()

    @contextmanager
    def _handling_signals(self) -> Iterator[None]:
        def tell(sig: int, frame: FrameType | None) -> None:  # noqa: ARG001
            self._signalled.send_bytes(b"!")

        before = {sig: signal.signal(sig, tell) for sig in SIGNALS}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


class _WorkerServer(Server):
    """A server that drains at every signal, since signals may reach it as well as its parent."""

    def __init__(self, config: uvicorn.Config, service: Service, *, ready: Any) -> None:
        """Take `ready`, a bool shared with the parent: whether this worker has ever been ready."""
        super().__init__(config, service)
        self._ready = ready

    async def on_tick(self, counter: int) -> bool:
        """Report readiness to the parent and, once a second, metrics to the other workers."""
        self._ready.value = self._ready.value or self._service.ready
        if counter % 10 == 0:
            self._service.metrics.publish()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Drain."""
        self._service.drain()

    def stop_for_child(self) -> None:
        """Have the parent stop all workers."""
        os.kill(os.getppid(), signal.SIGTERM)
        super().stop_for_child()


def _work(
    number: int,
    settings: Settings,
    listener: socket.socket,
    folder: Path,
    ready: Any,
    device: str | None,
    patient: bool,
) -> None:
    """Run a worker; a `patient` one accepts no connections before its models are warm."""
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    configure_logs(settings.log_level, settings.log_format)
    structlog.contextvars.bind_contextvars(worker=number)
    app = create_app(settings)
    service: Service = app.state.service
    service.jobs.worker = number
    if patient:
        asyncio.run(service.models.load())
    if service.failure is None:
        threading.Thread(target=_drain_without_parent, args=(service,), daemon=True).start()
        server = make_server(app, partial(_WorkerServer, ready=ready))
        server.config.app = Siblings(app, folder, number, settings)
        server.run([listener, listener_of(folder, number)])
    sys.exit(exit_code(service))


def _drain_without_parent(service: Service) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        service.drain()
