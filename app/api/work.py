"""End the work on a request when its time is up or its client leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.requests import ClientDisconnect, Request

from app.api.problems import problem

TIMEOUT_RETRY_AFTER = 10.0


@asynccontextmanager
async def while_wanted(request: Request, seconds: float) -> AsyncIterator[None]:
    """Cancel the block when the client leaves (ClientDisconnect) or the time is up (503).

    Enter it once the body has been read: from then on, the only message that can come is that the
    client has left.
    """
    with anyio.move_on_after(seconds) as scope:
        departure = asyncio.create_task(_cancel_on_departure(request, scope))
        try:
            yield
        finally:
            departure.cancel()
    if scope.cancelled_caught:
        if departure.done() and not departure.cancelled():
            raise ClientDisconnect
        raise problem("timeout", retry_after=TIMEOUT_RETRY_AFTER, seconds=seconds)


async def _cancel_on_departure(request: Request, scope: anyio.CancelScope) -> None:
    await request.receive()
    scope.cancel()
