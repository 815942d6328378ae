"""A fair semaphore: waiting clients take turns."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairSemaphore:
    """A fixed number of slots, plus one for a client that has none, for one event loop.

    So a client that takes all slots does not delay the first job of another, however long its own
    take. If several do, a client with a hundred jobs delays each job of another by at most one of
    its own. Jobs of one client run in the order of arrival.

    >>> async with semaphore.slot_for(client):
    ...     await job()
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = Counter[str]()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def slot_for(self, client: str) -> AsyncIterator[None]:
        """Hold a slot for a job of this client; wait until there is one."""
        await self._acquire(client)
        try:
            yield
        finally:
            self._release(client)

    async def _acquire(self, client: str) -> None:
        if self._may_acquire(client):  # nobody else who might take it is waiting
            self._taken[client] += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the slot was granted at the same moment
                self._release(client)
            raise

    def _may_acquire(self, client: str) -> bool:
        taken = self._taken.total()
        return taken < self._count or (taken == self._count and not self._taken[client])

    def _release(self, client: str) -> None:
        """Give a free slot to the client whose turn it is."""
        self._taken -= Counter([client])
        while (found := next(filter(self._may_acquire, self._waiting), None)) is not None:
            turns = self._waiting[found]
            turn = turns.popleft()
            if not turns:
                del self._waiting[found]
            if turn.cancelled():
                continue
            if turns:  # queue up behind the other clients
                self._waiting[found] = self._waiting.pop(found)
            self._taken[found] += 1
            turn.set_result(None)
