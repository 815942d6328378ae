"""What is at hand wherever a request is worked on."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from app.sandbox.remote import Remote
from app.service.memory import Share
from app.service.service import Service
from app.service.trace import Trace


@dataclass(frozen=True, slots=True)
class Work:
    """A request, a job, or a file in bulk, that is being worked on."""

    service: Service
    trace: Trace
    share: Share
    """What it may hold of the service's memory."""

    def worker(self, *, threads: bool = False) -> AbstractAsyncContextManager[Remote]:
        """Return a context that holds a worker; the clients whose jobs wait for one take turns."""
        return self.service.sandbox.worker(self.trace.client, threads=threads)
