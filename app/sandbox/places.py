"""Places for jobs: those that wait get them by turns of their clients."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """A fixed number of places, for one event loop.

    A client with a hundred jobs delays each job of another client by one of its own at most. Jobs
    of one client go in the order in which they came.

    >>> async with places.one_for(client):
    ...     await job()
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def one_for(self, client: str) -> AsyncIterator[None]:
        """Hold a place for a job of this client; wait until there is one."""
        await self._take(client)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, client: str) -> None:
        if self._free:  # nobody waits then
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the place was given in the same moment
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give a place that became free to the client whose turn it is."""
        while self._waiting:
            client, turns = next(iter(self._waiting.items()))
            turn = turns.popleft()
            if not turns:
                del self._waiting[client]
            if turn.cancelled():
                continue
            if turns:  # behind the other clients
                self._waiting[client] = self._waiting.pop(client)
            turn.set_result(None)
            return
        self._free += 1
