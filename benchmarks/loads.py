"""The loads on a server, and the measurements."""

import argparse
import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from app.imaging.picture import Format
from benchmarks.bare import seconds_per_batch
from benchmarks.load import Request, Result, closed_loop
from benchmarks.process import Process, server
from benchmarks.servers import COMPILED, OURS, Server
from benchmarks.service import PORT

SIDE = 256
WARM_SECONDS = 2.0
BARE_SECONDS = 2.0
LARGE, LARGE_NAME = (3000, 4000), "12 MP jpeg"
MIXED_NAME = f"{SIDE}x{SIDE} beside 12 MP"
PNG_CLIENTS = 16
MIXED_CLIENTS = 4
"""Of the small pictures that are posted beside the large one."""
PARTS = ("jpeg", "png", "large", "mixed", "open")


def small_name(kind: Format) -> str:
    """Of the small pictures."""
    return f"{SIDE}x{SIDE} {kind}"


@dataclass(frozen=True)
class Pictures:
    """What is posted, and how fast the network alone does as much of the best shape that it has."""

    name: str
    posts: list[Request]
    pixels: int
    """Of one of them."""
    tile: int
    batch: int

    def bare(self) -> float:
        """Pictures a second that the network alone does now."""
        seconds = seconds_per_batch(self.tile, self.tile, self.batch, BARE_SECONDS)
        return self.batch * self.tile**2 / self.pixels / seconds


@dataclass(frozen=True)
class Row:
    """One load on one server."""

    server: str
    pictures: Pictures
    bare: float
    """Pictures a second of the network alone, just before and after: machines have their moods."""
    clients: int
    result: Result
    cpu_seconds: float
    peak_memory: int

    def cells(self) -> tuple[str, ...]:
        """For the table."""
        r = self.result
        failed = sum(count for status, count in r.statuses.items() if status != 200)
        return (
            self.server,
            self.pictures.name,
            str(self.clients),
            f"{r.rate:.2f}",
            f"{r.rate / self.bare:.2f}",
            *(f"{r.percentile(p) * 1e3:.0f}" for p in (50, 95, 99)),
            f"{self.cpu_seconds / max(1, len(r.latencies)) * 1e3:.0f}",
            f"{self.peak_memory >> 20}",
            str(failed),
        )


HEAD = (
    *("server", "images", "clients", "images/s", "of bare", "p50 ms", "p95 ms", "p99 ms"),
    *("CPU ms/image", "peak MiB", "failed"),
)


def posts_for(candidate: Server, pictures: Pictures) -> list[Request]:
    """Return the posts of `pictures` in the form that the server takes."""
    return [post.as_json() for post in pictures.posts] if candidate.json else pictures.posts


def load(
    candidate: Server, process: Process, pictures: Pictures, clients: int, seconds: float
) -> Row:
    """Return a closed loop on a server that is warm by then."""
    posts = posts_for(candidate, pictures)
    asyncio.run(closed_loop(PORT, posts, clients, WARM_SECONDS))
    process.forget_peak()
    before, used = pictures.bare(), process.cpu_seconds
    result = asyncio.run(closed_loop(PORT, posts, clients, seconds))
    used = process.cpu_seconds - used
    bare = (before + pictures.bare()) / 2
    return Row(candidate.name, pictures, bare, clients, result, used, process.peak_memory)


def mixed(
    candidate: Server, process: Process, small: Pictures, large: Pictures, seconds: float
) -> Row:
    """Return the small pictures of a few clients while another posts large ones."""

    async def both() -> Result:
        ended = asyncio.ensure_future(closed_loop(PORT, posts_for(candidate, large), 1, seconds))
        posts = posts_for(candidate, small)
        result = await closed_loop(PORT, posts, MIXED_CLIENTS, until=ended)
        if set(ended.result().statuses) != {200}:
            raise RuntimeError(f"large images were answered with {ended.result().statuses}")
        return result

    process.forget_peak()
    used = process.cpu_seconds
    result = asyncio.run(both())
    used = process.cpu_seconds - used
    beside = replace(small, name=MIXED_NAME)
    peak = process.peak_memory
    return Row(candidate.name, beside, math.nan, MIXED_CLIENTS, result, used, peak)


def loads(
    candidate: Server, small: dict[str, Pictures], large: Pictures, options: argparse.Namespace
) -> Iterator[Row]:
    """Yield all that a server is put through."""
    compiled = candidate.name == OURS or candidate.name.endswith(COMPILED)
    parts = set(options.parts) if compiled else {"jpeg"}.intersection(options.parts)
    rounds = options.rounds if candidate.name == OURS else 1
    if not parts.difference({"open"}):
        return
    with server(candidate.command, f"http://127.0.0.1:{PORT}{candidate.ready}") as process:
        for _ in range(rounds):
            if "jpeg" in parts:
                for clients in options.clients:
                    yield load(candidate, process, small["jpeg"], clients, options.seconds)
            if "png" in parts:
                yield load(candidate, process, small["png"], PNG_CLIENTS, options.seconds)
            if "large" in parts:
                yield load(candidate, process, large, 1, 2 * options.seconds)
            if "mixed" in parts:
                yield mixed(candidate, process, small["jpeg"], large, 2 * options.seconds)
