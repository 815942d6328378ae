"""Load on an HTTP server, cheap enough to share its machine: closed and open loops.

A closed loop has so many clients, each posting again as soon as it is answered: it tells what a
server can do. An open loop posts at given times whatever the server does, as strangers do, and
counts latency from when a request was due: it tells what callers see.
"""

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Request:
    """A POST of a body."""

    path: str
    content_type: str
    body: bytes

    def as_json(self) -> Self:
        """The same with its body in base64 in a JSON object, for a server that takes no other."""
        body = json.dumps({"image": base64.b64encode(self.body).decode()}).encode()
        return replace(self, content_type="application/json", body=body)

    def to_bytes(self, host: str) -> bytes:
        """As HTTP/1.1, on a connection that is kept."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass
class Result:
    """What a loop came to; times are in seconds."""

    answers: list[tuple[int, float, float]] = field(default_factory=list)
    """Status, when it was answered (counted from the start), and the latency."""
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.latencies) / self.seconds

    @property
    def latencies(self) -> list[float]:
        """Of the good answers."""
        return [latency for status, _, latency in self.answers if status == 200]

    @property
    def statuses(self) -> Counter[int]:
        """How often each status came; 0 stands for a connection that broke."""
        return Counter(status for status, _, _ in self.answers)

    def percentile(self, percent: float) -> float:
        """Latency that so many of the good answers stay under; nan if there are none."""
        return float(np.percentile(self.latencies, percent)) if self.latencies else float("nan")


class Client:
    """One kept connection."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, request: bytes) -> int:
        """Sends a request and reads its answer to the end; the status, or 0 if that broke."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(*self._address, limit=1 << 20)
            reader, writer = self._streams
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            fields = head.lower().split(b"\r\n")
            length = next(f for f in fields if f.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            if b"connection: close" in fields:
                self.close()
            return int(head.split(b" ", 2)[1])
        except (OSError, asyncio.IncompleteReadError, StopIteration):
            self.close()
            return 0

    def close(self) -> None:
        """Hangs up."""
        if self._streams:
            self._streams[1].close()
        self._streams = None


async def closed_loop(
    port: int, requests: Sequence[Request], clients: int, seconds: float
) -> Result:
    """`clients` that post one request after the other, for so long."""
    raw = [request.to_bytes(f"127.0.0.1:{port}") for request in requests]
    result = Result()
    began = time.perf_counter()

    async def work(first: int) -> None:
        client, turn = Client("127.0.0.1", port), first
        while (sent := time.perf_counter()) < began + seconds:
            status = await client.post(raw[turn % len(raw)])
            now = time.perf_counter()
            result.answers.append((status, now - began, now - sent))
            turn += 1
        client.close()

    await asyncio.gather(*map(work, range(clients)))
    result.seconds = time.perf_counter() - began
    return result


async def open_loop(
    port: int, pick: Callable[[], Request], due: Iterable[float], most: int = 1000
) -> Result:
    """Posts what `pick()` gives at each of the times, on at most `most` connections at once."""
    host = f"127.0.0.1:{port}"
    result, idle, room = Result(), list[Client](), asyncio.Semaphore(most)
    began = time.perf_counter()

    async def post(at: float) -> None:
        async with room:
            client = idle.pop() if idle else Client("127.0.0.1", port)
            status = await client.post(pick().to_bytes(host))
            idle.append(client)
        now = time.perf_counter() - began
        result.answers.append((status, now, now - at))

    async with asyncio.TaskGroup() as group:
        for at in due:
            await asyncio.sleep(max(0.0, at - (time.perf_counter() - began)))
            group.create_task(post(at))
    for client in idle:
        client.close()
    result.seconds = time.perf_counter() - began
    return result


def arrivals(rate: float, seconds: float, seed: int = 0) -> list[float]:
    """Times of independent arrivals, so many a second on average (a Poisson process)."""
    random = np.random.default_rng(seed)
    gaps = random.exponential(1 / rate, round(2 * rate * seconds) + 50)
    times = np.cumsum(gaps)
    return [float(t) for t in times[times < seconds]]
