"""What the requests in flight hold in memory, and the limit on it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.inference.batcher import Overloaded
from app.service.errors import NeedsTooMuchMemory

RETRY_AFTER = 2.0
"""Seconds to wait at least: those who hold memory may also be slow to send or to take a picture."""


class Memory:
    """Bytes that all requests together may hold, as they declare them, and how many may do so.

    Refusing a request for want of memory costs nothing; running out of it costs every request.
    `backlog` tells in how many seconds what is queued will be done, and its memory be free. Used on
    the event loop only, hence without a lock.
    """

    def __init__(
        self, capacity: int, max_shares: int, backlog: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.capacity = capacity
        self.max_shares = max_shares
        self._backlog = backlog
        self.held = self.shares = 0

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """One request's part, given back at the end of the block.

        Raises Overloaded where as many requests as may have one.
        """
        if self.shares >= self.max_shares:
            raise self.overloaded()
        share = Share(self)
        self.shares += 1
        try:
            yield share
        finally:
            self.shares -= 1
            share.hold(0)

    def overloaded(self) -> Overloaded:
        """The refusal for want of memory."""
        return Overloaded(max(RETRY_AFTER, self._backlog()))


class Share:
    """What one request holds."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._held = 0

    @property
    def room(self) -> int:
        """The most bytes that it could hold now."""
        return self._memory.capacity - self._memory.held + self._held

    def hold(self, size: int) -> None:
        """Holds `size` bytes from here on, in place of what was held before.

        Raises Overloaded when others leave too little, NeedsTooMuchMemory when even the whole
        memory would be too little.
        """
        more = size - self._held
        if more > 0 and self._memory.held + more > self._memory.capacity:
            if size > self._memory.capacity:
                raise NeedsTooMuchMemory
            raise self._memory.overloaded()
        self._memory.held += more
        self._held = size
