"""The threads that decode, encode and measure pictures: what they may break, and what not."""

import time
from collections.abc import Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


class Codecs:
    """As many threads; work that takes longer than `patience`, in seconds, counts as stuck.

    A thread cannot be stopped from without: native code that never comes back keeps its thread,
    and what it does is still reckoned as memory. With it the process has no future.
    """

    def __init__(self, threads: int, patience: float) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._patience = patience
        self._began: dict[object, float] = {}

    @property
    def stuck(self) -> bool:
        """Whether some work will not come to its end."""
        oldest = min(list(self._began.values()), default=None)
        return oldest is not None and time.monotonic() - oldest > self._patience

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, done in one of the threads."""

        def guarded() -> T:
            token = object()
            self._began[token] = time.monotonic()
            try:
                return work()
            except (KeyboardInterrupt, SystemExit, GeneratorExit) as error:
                # It may end this thread's work, and this request; on the loop, it would end all.
                raise RuntimeError("a codec thread was told to end") from error
            finally:
                del self._began[token]

        return await anyio.to_thread.run_sync(guarded, limiter=self._limiter)
