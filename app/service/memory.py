"""The memory that requests in progress hold, and the limit on it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.inference.batcher import Overloaded
from app.service.errors import NeedsTooMuchMemory

RETRY_AFTER = 2.0
"""The least Retry-After, since clients that hold memory may be slow to send or read an image."""


PARTS = 4
"""One in PARTS of the memory is out of reach for a client with many requests."""


class Memory:
    """The bytes and the number of requests that may be in progress at the same time.

    A request may reserve all free memory, unless others of its client hold more than a quarter:
    then they may hold at most three quarters together, so that clients that stall keep nobody else
    out. Refusing a request for lack of memory costs nothing; running out of memory costs every
    request. `backlog` returns the seconds until all queued work is done, and its memory free. Used
    on the event loop only, hence without a lock.
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
        """Yield the share of one request of a client, released at the end of the block.

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
    """The memory that one request holds."""

    def __init__(self, memory: Memory, client: str) -> None:
        self._memory, self._client = memory, client
        self._held = 0
        self._beside = 0

    @property
    def room(self) -> int:
        """The most bytes that `hold` would grant now."""
        memory = self._memory
        most, part = memory.capacity, memory.capacity // PARTS
        others = memory.held_by[self._client] - self._held  # requests of the same client
        if others > part:
            most -= part + others
        return min(memory.capacity - memory.held + self._held, most) - self._beside

    def keep(self, size: int) -> None:
        """Hold `size` bytes from now on in addition to those of `hold`.

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
        """Hold `size` bytes from now on, instead of those held before.

        Raises Overloaded if other requests leave too little, and NeedsTooMuchMemory if the whole
        memory would not suffice.
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
