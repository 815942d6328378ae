"""A fair semaphore: waiting clients take turns."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """A fixed number of places, plus one for a client that has none, for one event loop.

    So a client that takes all places does not delay the first job of another, however long its own
    take. If several do, a client with a hundred jobs delays each job of another by at most one of
    its own. Jobs of one client run in the order of arrival.

    >>> async with places.one_for(client):
    ...     await job()
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = Counter[str]()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def one_for(self, client: str) -> AsyncIterator[None]:
        """Hold a place for a job of this client; wait until there is one."""
        await self._take(client)
        try:
            yield
        finally:
            self._give_back(client)

    async def _take(self, client: str) -> None:
        if self._may_take(client):  # nobody else who might take it is waiting
            self._taken[client] += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the place was granted at the same moment
                self._give_back(client)
            raise

    def _may_take(self, client: str) -> bool:
        taken = self._taken.total()
        return taken < self._count or (taken == self._count and not self._taken[client])

    def _give_back(self, client: str) -> None:
        """Give a free place to the client whose turn it is."""
        self._taken -= Counter([client])
        while (found := next(filter(self._may_take, self._waiting), None)) is not None:
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
