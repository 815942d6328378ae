"""Make room for new connections by closing idle ones."""

import asyncio
import resource
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.server.head import LimitedHead

MOST_CONNECTIONS = 10_000
"""Connections that are kept open; each takes 12 KB of memory."""
SHARE = 2
"""One in SHARE descriptors is for a connection, since an image in progress takes four."""


class CrowdedConnection(LimitedHead):
    """Close the connection that has been idle the longest if there are too many.

    Otherwise idle connections, which cost a client nothing, would take all descriptors of the
    process: no image could be decoded, and no further connection accepted.
    """

    most: ClassVar[int]
    _idle: ClassVar[dict["CrowdedConnection", None]]
    """Those of the server that have no request in progress, the longest idle first."""

    @classmethod
    def of(cls, max_bytes: int, seconds: float, answer_seconds: float) -> "type[CrowdedConnection]":
        """Return a subclass with these limits, for a server of its own."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limited = super().of(max_bytes, seconds, answer_seconds)
        most = min(MOST_CONNECTIONS, descriptors // SHARE)
        return type(cls.__name__, (limited,), {"most": most, "_idle": {}})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Open the connection, and close another if there are too many."""
        super().connection_made(transport)
        self._idle[self] = None
        if len(self.connections) > self.most:
            longest = next(iter(self._idle))
            del self._idle[longest]
            longest.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._idle.pop(self, None)
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._idle.pop(self, None)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Count the connection as idle, unless its next request has begun."""
        super().on_response_complete()
        if self.answered() and not self.transport.is_closing():
            self._idle[self] = None
