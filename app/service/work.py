"""The context of the work on a request."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from app.sandbox.remote import Remote
from app.service.memory import Share
from app.service.service import Service
from app.service.trace import Trace


@dataclass(frozen=True, slots=True)
class Work:
    """The service, the record and the memory of a request or job in progress."""

    service: Service
    trace: Trace
    share: Share
    """Its share of the service's memory."""

    def worker(self, *, threads: bool = False) -> AbstractAsyncContextManager[Remote]:
        """Return a context that holds a worker; clients that wait for one take turns."""
        return self.service.sandbox.worker(self.trace.client, threads=threads)
