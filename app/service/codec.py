"""Decode and encode files in confined processes, for callers in threads."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from app.imaging.formats import need_threads
from app.imaging.picture import Format, Header, Picture
from app.sandbox.handles import SharedFile, SharedPicture
from app.sandbox.pool import Sandbox
from app.service.confined import decoding, limits_of
from app.settings import Settings

T = TypeVar("T")


class ConfinedCodec:
    """Decode and encode as the service does for its clients: a crash costs a single file.

    The first process starts at once, while this one continues.
    """

    def __init__(self, settings: Settings) -> None:
        self._limits = limits_of(settings)
        self._sandbox = Sandbox(settings.codec_processes)
        self._sandbox.start()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="codec", daemon=True)
        self._thread.start()
        self._asking = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, and abandon their work."""
        with self._asking:  # so that no request follows the end, which nobody would answer
            self._closed = True
            ended = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        ended.result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def read_header(self, data: bytes) -> Header:
        """Read what a file declares, without decoding it; raise as `decode` does.

        The process is free until `decode`: a thread that waits for memory in between must not
        keep it from the threads that could free some.
        """

        async def read() -> Header:
            with decoding():
                async with self._sandbox.worker() as worker:
                    return await worker.read(data)

        return self._await(read())

    def decode(self, data: bytes) -> Picture:
        """Decode a file within the limits of the settings.

        Raises ImagingError if it cannot be read, and WorkerLost or MemoryError if that takes more
        time or memory than its pixels justify.
        """

        async def decode() -> SharedPicture:
            with decoding():
                async with self._sandbox.worker(threads=need_threads(data)) as worker:
                    _, picture = await worker.open_shared(data, **self._limits)
                    return picture or await worker.decode_shared(**self._limits)

        return self._await(decode()).whole

    def encode(
        self, picture: Picture, target: Format, quality: int | None = None, *, strip: bool = False
    ) -> SharedFile:
        """Encode an image, without its metadata if `strip`.

        Raises ImagingError if the format cannot hold it, and WorkerLost or MemoryError.
        """
        shared = SharedPicture.holding(picture)

        async def encode() -> SharedFile:
            async with self._sandbox.worker() as worker:
                return await worker.encode_shared(shared, target, quality, strip=strip)

        return self._await(encode())

    async def _end(self) -> None:
        self._sandbox.close()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            for each in others:
                each.cancel()
            await asyncio.wait(others)

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        with self._asking:
            if self._closed:  # a thread may outlive the command
                work.close()
                raise RuntimeError("the codec is closed")
            done = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result()
