"""What is noted of one request on its way, for its headers, its log line and the metrics."""

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.types import Scope

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass
class Trace:
    """One request; times are in seconds."""

    request_id: str
    started: float = field(default_factory=time.perf_counter)
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds spent in decode, queue, infer and encode, as far as the request came."""
    key: str | None = None
    """The first digits of the hash of the caller's API key."""
    model: str | None = None
    pixels: int = 0
    status: int = 0
    """0 until the response has started; 499 when the caller left before that."""
    bytes_in: int = 0
    bytes_out: int = 0

    @classmethod
    def of_caller(cls, request_id: str | None) -> "Trace":
        """A new trace under the caller's own id, where that is safe to log and to send back."""
        if request_id is None or not _REQUEST_ID.fullmatch(request_id):
            request_id = uuid.uuid4().hex
        return cls(request_id)

    @property
    def elapsed(self) -> float:
        """Since the request's headers were read."""
        return time.perf_counter() - self.started

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time that the block takes to the stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - start

    @property
    def server_timing(self) -> str:
        """The value of a Server-Timing header, in milliseconds."""
        times = {**self.stages, "total": self.elapsed}
        return ", ".join(f"{name};dur={seconds * 1e3:.1f}" for name, seconds in times.items())


def trace_of(scope: Scope) -> Trace:
    """The trace of the request with this ASGI scope."""
    trace: Trace = scope["state"]["trace"]
    return trace
