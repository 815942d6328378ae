"""The record of a request, for its response, its log line and the metrics."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


def new_id() -> str:
    """Return a unique id."""
    return uuid.uuid4().hex


@dataclass
class Trace:
    """One request; times are in seconds."""

    request_id: str = field(default_factory=new_id)
    started: float = field(default_factory=time.perf_counter)
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds spent in each stage that the request has reached: decode, queue, infer, encode,
    noise or compare.
    """
    key: str | None = None
    """The first digits of the hash of the caller's API key."""
    client: str = ""
    """The caller: its key, or else its address."""
    model: str | None = None
    pixels: int = 0
    status: int = 0
    """0 until the response has started; 499 if the client left before that."""
    bytes_in: int = 0
    bytes_out: int = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the request headers were read."""
        return time.perf_counter() - self.started

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to the stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - start
