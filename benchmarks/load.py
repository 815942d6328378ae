"""Put load on an HTTP server, in closed and open loops that are cheap enough to share its machine.

A closed loop has a number of clients, each posting again as soon as it is answered: it measures the
capacity of a server. An open loop posts at given times whatever the server does, like independent
clients, and counts latency from when a request was due: it measures what callers experience.
"""

import asyncio
import base64
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np

NO_ANSWER = 0
"""In place of a status: the connection was refused, or ended before an answer began."""
CUT_OFF = -1
"""In place of a status: the answer began and did not end."""
MOST_OPEN = 1000
"""Connections that an open loop has at once."""


@dataclass(frozen=True)
class Request:
    """A POST of a body."""

    path: str
    content_type: str
    body: bytes

    def as_json(self) -> Self:
        """Return the same with its body in base64 in a JSON object, for a server that takes no
        other.
        """
        body = json.dumps({"image": base64.b64encode(self.body).decode()}).encode()
        return replace(self, content_type="application/json", body=body)

    def to_bytes(self, host: str) -> bytes:
        """As HTTP/1.1, on a connection that is kept."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


class Reply(NamedTuple):
    """What a client made of an answer."""

    status: int
    retry_after: float | None = None
    """Seconds, as the header says."""


class Answer(NamedTuple):
    """A reply, when it came (seconds from the start of the loop), and its latency in seconds."""

    reply: Reply
    at: float
    latency: float


@dataclass
class Result:
    """What a loop came to; times are in seconds."""

    answers: list[Answer] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.latencies) / self.seconds

    @property
    def latencies(self) -> list[float]:
        """Of the good answers."""
        return [answer.latency for answer in self.answers if answer.reply.status == 200]

    @property
    def statuses(self) -> Counter[int]:
        """How often each status came, NO_ANSWER and CUT_OFF among them."""
        return Counter(answer.reply.status for answer in self.answers)

    def percentile(self, percent: float) -> float:
        """Latency that so many of the good answers stay under; nan if there are none."""
        return float(np.percentile(self.latencies, percent)) if self.latencies else float("nan")


class Client:
    """One kept connection."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, request: bytes) -> Reply:
        """Send a request and read its answer to the end."""
        status = NO_ANSWER
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(*self._address, limit=1 << 20)
            reader, writer = self._streams
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            status = CUT_OFF
            first, *lines = head.rstrip().split(b"\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in lines)
            await reader.readexactly(int(fields[b"content-length"]))
            if fields.get(b"connection") == b"close":
                self.close()
            wait = fields.get(b"retry-after")
            return Reply(int(first.split()[1]), None if wait is None else float(wait))
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return Reply(status)

    def close(self) -> None:
        """Hangs up."""
        if self._streams:
            self._streams[1].close()
        self._streams = None


async def closed_loop(
    port: int,
    requests: Sequence[Request],
    clients: int,
    seconds: float = math.inf,
    until: asyncio.Future[Any] | None = None,
) -> Result:
    """`clients` that post one request after the other, for so long, or until something is done."""
    raw = [request.to_bytes(f"127.0.0.1:{port}") for request in requests]
    result = Result()
    began = time.perf_counter()

    async def work(first: int) -> None:
        client, turn = Client("127.0.0.1", port), first
        while (sent := time.perf_counter()) < began + seconds and not (until and until.done()):
            reply = await client.post(raw[turn % len(raw)])
            now = time.perf_counter()
            result.answers.append(Answer(reply, now - began, now - sent))
            turn += 1
        client.close()

    await asyncio.gather(*map(work, range(clients)))
    result.seconds = time.perf_counter() - began
    return result


async def open_loop(port: int, pick: Callable[[], Request], due: Iterable[float]) -> Result:
    """Post what `pick()` gives at each of the times, on at most MOST_OPEN connections at once."""
    host = f"127.0.0.1:{port}"
    result, idle, room = Result(), list[Client](), asyncio.Semaphore(MOST_OPEN)
    began = time.perf_counter()

    async def post(at: float) -> None:
        async with room:
            client = idle.pop() if idle else Client("127.0.0.1", port)
            reply = await client.post(pick().to_bytes(host))
            idle.append(client)
        now = time.perf_counter() - began
        result.answers.append(Answer(reply, now, now - at))

    async with asyncio.TaskGroup() as group:
        for at in due:
            await asyncio.sleep(max(0.0, at - (time.perf_counter() - began)))
            group.create_task(post(at))
    for client in idle:
        client.close()
    result.seconds = time.perf_counter() - began
    return result


def arrivals(rate: float, seconds: float, seed: int = 0) -> list[float]:
    """Yield the times of independent arrivals, so many a second on average (a Poisson process)."""
    random = np.random.default_rng(seed)
    gaps = random.exponential(1 / rate, round(2 * rate * seconds) + 50)
    times = np.cumsum(gaps)
    return [float(t) for t in times[times < seconds]]
