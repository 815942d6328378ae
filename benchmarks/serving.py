"""How near the service comes to its bare network, and how it stands beside other ways to serve it.

    python -m benchmarks.serving [--seconds 10] [--clients 1 4 16 64] [--plot FILE] [--rivals ...]

In one run, on one machine, with the same model, pictures and codecs: the compiled network alone on
ready tiles, this service, a plain FastAPI, LitServe and Ray Serve with their own batching. Prints
Markdown tables of good answers a second and how that compares with the bare network; latency; CPU
seconds a picture; and the peak memory of all processes of a server. Rivals that are not installed
are named and left out: `pip install litserve 'ray[serve]'`.
"""

import argparse
import asyncio
import importlib.util
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.imaging.codec import Format
from benchmarks.bare import rates
from benchmarks.load import Request, Result, arrivals, closed_loop, open_loop
from benchmarks.markdown import head, line
from benchmarks.pictures import requests
from benchmarks.process import Process, server
from benchmarks.service import COMMAND, PORT, service

SIDE = 256
WARM_SECONDS = 2.0
LARGE = (3000, 4000)
OFFERED = (0.3, 0.6, 0.9)
"""Loads of the open loop, as shares of what the network alone can do."""


@dataclass(frozen=True)
class Server:
    """A way to serve the model."""

    name: str
    command: tuple[str, ...]
    ready: str
    needs: str
    """The module that it cannot do without."""
    json: bool = False
    """Whether pictures must come in JSON."""


def python(*arguments: str) -> tuple[str, ...]:
    """A command of this Python."""
    return (sys.executable, "-m", *arguments)


SERVERS = (
    Server("denoiser", COMMAND, "/health/ready", "app"),
    Server("FastAPI", python("benchmarks.rivals.plain", str(PORT)), "/health", "fastapi"),
    Server("LitServe", python("benchmarks.rivals.lit", str(PORT)), "/health", "litserve", True),
    Server("Ray Serve", python("benchmarks.rivals.ray_serve", str(PORT)), "/-/healthz", "ray"),
)


@dataclass(frozen=True)
class Pictures:
    """What is posted, and how many of them the network alone does in a second."""

    name: str
    posts: list[Request]
    bare: float


@dataclass(frozen=True)
class Row:
    """One load on one server."""

    server: str
    pictures: Pictures
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
            f"{r.rate / self.pictures.bare:.2f}",
            *(f"{r.percentile(p) * 1e3:.0f}" for p in (50, 95, 99)),
            f"{self.cpu_seconds / max(1, len(r.latencies)) * 1e3:.0f}",
            f"{self.peak_memory >> 20}",
            str(failed),
        )


HEAD = (
    *("server", "pictures", "clients", "images/s", "of bare", "p50 ms", "p95 ms", "p99 ms"),
    *("CPU ms/image", "peak MiB", "failed"),
)


def load(
    candidate: Server, process: Process, pictures: Pictures, clients: int, seconds: float
) -> Row:
    """A closed loop on a server that is warm by then."""
    posts = [r.as_json() for r in pictures.posts] if candidate.json else pictures.posts
    asyncio.run(closed_loop(PORT, posts, clients, WARM_SECONDS))
    process.forget_peak()
    before = process.cpu_seconds
    result = asyncio.run(closed_loop(PORT, posts, clients, seconds))
    spent = process.cpu_seconds - before
    return Row(candidate.name, pictures, clients, result, spent, process.peak_memory)


def loads(
    candidate: Server, small: Sequence[Pictures], large: Pictures, options: argparse.Namespace
) -> Iterator[Row]:
    """All that a server is put through."""
    with server(candidate.command, f"http://127.0.0.1:{PORT}{candidate.ready}") as process:
        for pictures in small:
            for clients in options.clients:
                yield load(candidate, process, pictures, clients, options.seconds)
        yield load(candidate, process, large, 1, 2 * options.seconds)


def open_rows(pictures: Pictures, seconds: float) -> Iterator[tuple[str, ...]]:
    """Latency of the service when pictures come by themselves: cells of a table."""
    with service():
        for share in OFFERED:
            due = arrivals(share * pictures.bare, seconds)
            pick = itertools.cycle(pictures.posts).__next__
            result = asyncio.run(open_loop(PORT, pick, due))
            answered = len(result.latencies) / max(1, len(due))
            times = (f"{result.percentile(p) * 1e3:.0f}" for p in (50, 95, 99))
            yield f"{share * pictures.bare:.1f}", f"{answered:.0%}", *times


def plot(rows: Sequence[Row], target: Path) -> None:
    """Images a second over the clients, a line a server."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(row.server for row in rows):
        points = [(row.clients, row.result.rate) for row in rows if row.server == name]
        axes.plot(*zip(*sorted(points), strict=True), marker="o", label=name)
    pictures = rows[0].pictures
    axes.axhline(pictures.bare, color="grey", linestyle="--", label="the network alone")
    axes.set_xscale("log", base=2)
    axes.set(xlabel="clients", ylabel=f"images/s, {pictures.name}", ylim=(0, None))
    axes.legend()
    figure.savefig(target)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="of each load")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    names = [s.name for s in SERVERS]
    parser.add_argument("--servers", nargs="+", default=names, choices=names)
    parser.add_argument("--plot", type=Path, help="where to save images/s over clients")
    options = parser.parse_args()

    alone = rates(SIDE, options.seconds / 2)
    tiles = rates(1024, options.seconds / 2, [1])[1]
    bare = tiles * 1024**2 / (LARGE[0] * LARGE[1])
    shown = ", ".join(f"{batch}: {rate:.1f}" for batch, rate in alone.items())
    print(f"The network alone, {SIDE}x{SIDE} pictures a second by batch: {shown}.")
    print(f"12 megapixels in tiles of 1024x1024, without halos: {bare:.3f} a second.\n")
    small = [
        Pictures(f"{SIDE}x{SIDE} {f}", requests(f, SIDE, SIDE, 32, "/denoise"), max(alone.values()))
        for f in (Format.JPEG, Format.PNG)
    ]
    large = Pictures("12 MP jpeg", requests(Format.JPEG, *LARGE, 1, "/denoise"), bare)

    rows: list[Row] = []
    print(head(*HEAD))
    for candidate in (s for s in SERVERS if s.name in options.servers):
        if importlib.util.find_spec(candidate.needs) is None:
            print(f"{candidate.name} is not installed", file=sys.stderr)
            continue
        for row in loads(candidate, small, large, options):
            rows.append(row)
            print(line(row.cells()), flush=True)

    print(f"\nArrivals at random (open loop), denoiser, {small[0].name}:\n")
    print(head("images/s offered", "answered", "p50 ms", "p95 ms", "p99 ms"))
    for cells in open_rows(small[0], 2 * options.seconds):
        print(line(cells), flush=True)
    if options.plot:
        plot([row for row in rows if row.pictures is small[0]], options.plot)


if __name__ == "__main__":
    main()
