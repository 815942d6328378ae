"""How near the service comes to its bare network, and how it stands beside other ways to serve it.

    python -m benchmarks.serving [--seconds 10] [--clients 1 4 16 64] [--plot FILE] [--servers ...]

In one run, on one machine, with the same .keras file, pictures and codecs: the compiled network
alone on ready tiles, this service, a plain FastAPI, LitServe and Ray Serve with their own batching.
Each rival serves the file twice: as Keras's documentation has it, and compiled as this service does
it, which is no part of theirs, to tell the serving from the network. Prints Markdown tables of good
answers a second and how that compares with the bare network, on tiles without halos, just before
and just after; latency; CPU seconds a picture; and the peak memory of all processes of a server.
Rivals that are not installed are named and left out: `pip install litserve 'ray[serve]'`.

The bounds: a picture of 256x256 takes 16 clients at most 1.11 times what the network alone takes as
a JPEG, 1.25 times as a PNG, and a JPEG of 12 megapixels one client 1.25 times. One client waits at
most 8 ms beside the network. Rivals, as documented, do at most 1/1.3 of the pictures a second with
16 clients, and none is sooner at the 95th percentile of one client.
"""

import argparse
import asyncio
import importlib.util
import itertools
import math
import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from app.imaging.codec import Format
from benchmarks.bare import rates, seconds_per_batch
from benchmarks.load import Request, Result, arrivals, closed_loop, open_loop
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pictures import requests
from benchmarks.process import Process, server
from benchmarks.service import COMMAND, PORT, service

SIDE = 256
WARM_SECONDS = 2.0
BARE_SECONDS = 2.0
LARGE, LARGE_NAME = (3000, 4000), "12 MP jpeg"
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


def small_name(kind: Format) -> str:
    """Of the small pictures."""
    return f"{SIDE}x{SIDE} {kind}"


def python(*arguments: str) -> tuple[str, ...]:
    """Return a command of this Python."""
    return (sys.executable, "-m", *arguments)


def rivals() -> Iterator[Server]:
    """Each with the network as documented, and then compiled."""
    for name, module, ready, needs in (
        ("FastAPI", "plain", "/health", "fastapi"),
        ("LitServe", "lit", "/health", "litserve"),
        ("Ray Serve", "ray_serve", "/-/healthz", "ray"),
    ):
        command = python(f"benchmarks.rivals.{module}", str(PORT))
        yield Server(name, command, ready, needs, json=needs == "litserve")
        compiled = (*command, "compiled")
        yield Server(f"{name}{COMPILED}", compiled, ready, needs, json=needs == "litserve")


COMPILED = ", network compiled"
OURS = "denoiser"
SERVERS = (Server(OURS, COMMAND, "/health/ready", "app"), *rivals())


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
    *("server", "pictures", "clients", "images/s", "of bare", "p50 ms", "p95 ms", "p99 ms"),
    *("CPU ms/image", "peak MiB", "failed"),
)


def load(
    candidate: Server, process: Process, pictures: Pictures, clients: int, seconds: float
) -> Row:
    """Return a closed loop on a server that is warm by then."""
    posts = [r.as_json() for r in pictures.posts] if candidate.json else pictures.posts
    asyncio.run(closed_loop(PORT, posts, clients, WARM_SECONDS))
    process.forget_peak()
    before, used = pictures.bare(), process.cpu_seconds
    result = asyncio.run(closed_loop(PORT, posts, clients, seconds))
    used = process.cpu_seconds - used
    bare = (before + pictures.bare()) / 2
    return Row(candidate.name, pictures, bare, clients, result, used, process.peak_memory)


def loads(
    candidate: Server, small: Sequence[Pictures], large: Pictures, options: argparse.Namespace
) -> Iterator[Row]:
    """Yield all that a server is put through."""
    with server(candidate.command, f"http://127.0.0.1:{PORT}{candidate.ready}") as process:
        for _ in range(options.rounds if candidate.name == OURS else 1):
            for pictures in small:
                for clients in options.clients:
                    yield load(candidate, process, pictures, clients, options.seconds)
            yield load(candidate, process, large, 1, 2 * options.seconds)


def bounds(rows: Sequence[Row], alone: float) -> Iterator[Bound]:
    """Return what is to hold; `alone` is the network's own time of one small image, in seconds."""

    def of(
        pictures: str, clients: int, measure: Callable[[Row], float], server: str = OURS
    ) -> float:
        """Return the median over the rounds; nan where there was none."""
        loads = (r for r in rows if (r.server, r.clients) == (server, clients))
        return float(
            np.median([measure(r) for r in loads if r.pictures.name == pictures] or math.nan)
        )

    jpeg, png = small_name(Format.JPEG), small_name(Format.PNG)
    for name, clients, most in ((jpeg, 16, 1 / 0.90), (png, 16, 1 / 0.80), (LARGE_NAME, 1, 1.25)):
        times = of(name, clients, lambda row: row.bare / row.result.rate)
        yield Bound(f"time of a {name}, {clients} clients, by the network's", times, most)
    wait = of(jpeg, 1, lambda row: row.result.percentile(50)) - alone
    yield Bound("what one client waits beside the network", wait * 1e3, 8, "ms")
    for rival in dict.fromkeys(row.server for row in rows if row.server != OURS):
        if rival.endswith(COMPILED):
            continue
        rates = (of(jpeg, 16, lambda row: row.result.rate, name) for name in (rival, OURS))
        yield Bound(f"images/s of {rival}, 16 clients, by ours", operator.truediv(*rates), 1 / 1.3)
        waits = (of(jpeg, 1, lambda row: row.result.percentile(95), name) for name in (OURS, rival))
        yield Bound(f"our p95 by that of {rival}, 1 client", operator.truediv(*waits), 1.0)


def open_rows(pictures: Pictures, bare: float, seconds: float) -> Iterator[tuple[str, ...]]:
    """Latency of the service when pictures come by themselves: cells of a table."""
    with service():
        for share in OFFERED:
            due = arrivals(share * bare, seconds)
            pick = itertools.cycle(pictures.posts).__next__
            result = asyncio.run(open_loop(PORT, pick, due))
            answered = len(result.latencies) / max(1, len(due))
            times = (f"{result.percentile(p) * 1e3:.0f}" for p in (50, 95, 99))
            yield f"{share * bare:.1f}", f"{answered:.0%}", *times


def plot(rows: Sequence[Row], target: Path) -> None:
    """Images a second over the clients, a line a server."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    plain = [row.server.removesuffix(COMPILED) for row in rows]
    colours = {name: f"C{index}" for index, name in enumerate(dict.fromkeys(plain))}
    for name in dict.fromkeys(row.server for row in rows):
        mine = [row for row in rows if row.server == name]
        points = [
            (count, float(np.median([row.result.rate for row in mine if row.clients == count])))
            for count in sorted({row.clients for row in mine})
        ]
        axes.plot(
            *zip(*points, strict=True),
            label=name,
            marker="o",
            color=colours[name.removesuffix(COMPILED)],
            linestyle="--" if name.endswith(COMPILED) else "-",
        )
    counts = sorted({row.clients for row in rows})
    axes.axhline(
        fmean(row.bare for row in rows), color="grey", linestyle=":", label="the network alone"
    )
    axes.set_xscale("log")
    axes.set_xticks(counts, map(str, counts))
    axes.minorticks_off()
    axes.set(xlabel="clients", ylabel=f"images/s, {rows[0].pictures.name}", ylim=(0, None))
    figure.legend(loc="outside right upper")
    figure.savefig(target)


def main() -> int:
    """Print the tables; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="of each load")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    names = [s.name for s in SERVERS]
    parser.add_argument("--servers", nargs="+", default=names, choices=names)
    parser.add_argument("--rounds", type=int, default=3, help="of ours, of which the median counts")
    parser.add_argument("--plot", type=Path, help="where to save images/s over clients")
    options = parser.parse_args()

    alone = rates(SIDE, options.seconds / 2)
    batch = max(alone, key=alone.__getitem__)
    shown = ", ".join(f"{batch}: {rate:.1f}" for batch, rate in alone.items())
    print(f"The network alone, {SIDE}x{SIDE} pictures a second by batch: {shown}.\n")
    small = [
        Pictures(small_name(f), requests(f, SIDE, SIDE, 32, "/denoise"), SIDE**2, SIDE, batch)
        for f in (Format.JPEG, Format.PNG)
    ]
    post = requests(Format.JPEG, *LARGE, 1, "/denoise")
    large = Pictures(LARGE_NAME, post, LARGE[0] * LARGE[1], tile=1024, batch=1)

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
    for cells in open_rows(small[0], alone[batch], 2 * options.seconds):
        print(line(cells), flush=True)
    if options.plot:
        plot([row for row in rows if row.pictures is small[0]], options.plot)
    print()
    return report(bounds(rows, 1 / alone[1]))


if __name__ == "__main__":
    sys.exit(main())
