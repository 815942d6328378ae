"""The memory that requests in progress hold, and its limit."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.inference.batcher import Overloaded
from app.service.errors import NeedsTooMuchMemory

RETRY_AFTER = 2.0
"""Least seconds to wait: those who hold memory may be slow to send or to read an image."""


PARTS = 4
"""One of so many parts of the memory is kept for others than a client of many requests."""


class Memory:
    """Bytes that all requests together may hold, as they declare them, and the limit on requests.

    A request may hold all that is free, unless others of its client hold more than a quarter: then
    they hold three quarters together at most, so that those who stall keep nobody else out.
    Refusing a request for lack of memory costs nothing; running out of it costs every request.
    `backlog` returns the seconds until all queued work is done, and its memory free. Used on the
    event loop only, hence without a lock.
    """

    def __init__(
        self, capacity: int, max_shares: int, backlog: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.capacity = capacity
        self.max_shares = max_shares
        self._backlog = backlog
        self.held = self.shares = 0
        self.held_by = Counter[str]()
        """What each client holds."""

    @contextmanager
    def share(self, client: str = "") -> Iterator["Share"]:
        """Yield the share of one request of a client, returned at the end of the block.

        Raises Overloaded if the maximum number of requests is reached.
        """
        if self.shares >= self.max_shares:
            raise self.overloaded()
        share = Share(self, client)
        self.shares += 1
        try:
            yield share
        finally:
            self.shares -= 1
            share.keep(0)
            share.hold(0)

    def overloaded(self) -> Overloaded:
        """Return the refusal for lack of memory."""
        return Overloaded(max(RETRY_AFTER, self._backlog()))


class Share:
    """What one request holds."""

    def __init__(self, memory: Memory, client: str) -> None:
        self._memory, self._client = memory, client
        self._held = 0
        self._beside = 0

    @property
    def room(self) -> int:
        """The most bytes that it could hold now."""
        memory = self._memory
        most, part = memory.capacity, memory.capacity // PARTS
        others = memory.held_by[self._client] - self._held  # requests of the same client
        if others > part:
            most -= part + others
        return min(memory.capacity - memory.held + self._held, most) - self._beside

    def keep(self, size: int) -> None:
        """Hold `size` bytes from now on beside whatever `hold` is called for.

        Raises as `hold` does.
        """
        held, before = self._held - self._beside, self._beside
        self._beside = size
        try:
            self.hold(held)
        except Exception:
            self._beside = before
            raise

    def hold(self, size: int) -> None:
        """Hold `size` bytes from now on, instead of what was held before.

        Raises Overloaded if others leave too little, and NeedsTooMuchMemory if even the whole
        memory would not be enough.
        """
        room = self.room
        total = size + self._beside
        more = total - self._held
        if more > 0 and size > room:
            if total > self._memory.capacity:
                raise NeedsTooMuchMemory
            raise self._memory.overloaded()
        self._held = total
        self._memory.held += more
        self._memory.held_by[self._client] += more
        if not self._memory.held_by[self._client]:
            del self._memory.held_by[self._client]
