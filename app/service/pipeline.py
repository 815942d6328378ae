"""The operation on files in bulk: called from threads, without time limits."""

import asyncio
import math
import threading
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from app.imaging.codec import Format, read_header
from app.inference.job import Progress
from app.service import operations
from app.service.local import load_denoiser, packages_of, silence
from app.service.models import Models
from app.service.operations import DenoisedFile
from app.service.options import DenoiseOptions
from app.service.room import Room
from app.service.service import Service
from app.service.trace import Trace
from app.service.work import Work
from app.settings import Settings

UNLIMITED = {"memory_bytes": 1 << 60, "max_requests": 1 << 30, "queue_seconds": math.inf}
"""Settings for images that wait for each other in threads, by the pixels that `Room` has."""


@dataclass(frozen=True, slots=True)
class Result:
    """A denoised image as a file."""

    data: bytes
    format: Format
    sigma: float
    """Standard deviation of the noise found, 0..1."""
    pixels: int


class Pipeline:
    """Decode, denoise and encode; called from many threads, whose images share batches.

    All but the network runs in confined processes, as for the callers of the service: an image
    whose decoder crashes costs nothing but itself.
    """

    def __init__(self, options: DenoiseOptions, settings: Settings) -> None:
        """Load the models; raise BadModelPackage if there is none as the options name."""
        packages = packages_of(options, settings)
        settings = settings.model_copy(update=UNLIMITED | {"model": next(iter(packages))})
        with silence():
            denoisers = {name: load_denoiser(each, settings) for name, each in packages.items()}
        models = Models.holding(packages, denoisers, settings)
        self._options, self._room = options, Room()
        self._service = Service.create(settings, models)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pipeline", daemon=True)
        self._thread.start()
        self._running = AsyncExitStack()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._running.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __call__(self, data: bytes) -> Result:
        """Denoise a file; wait while the images of other threads fill the memory.

        Raises ImagingError if it cannot be read, or encoded as the options ask for, and WorkerLost
        if it takes more time or memory than its pixels justify.
        """
        size = read_header(data).size
        with self._room.hold(size):
            done = asyncio.run_coroutine_threadsafe(self._denoise(data), self._loop).result()
            return Result(bytes(done.file.data), done.file.format, done.sigma, size)

    async def _start(self) -> None:
        await self._running.enter_async_context(self._service.running())

    async def _denoise(self, data: bytes) -> DenoisedFile:
        with self._service.memory.share() as share:
            work = Work(self._service, Trace(), share)
            return await operations.denoise(work, [data], self._options, Progress())
