"""Compare the service under load with its bare network and with other ways to serve it.

    python -m benchmarks.serving [--parts jpeg png large mixed open] [--servers ...] [--seconds 6]
                                 [--clients 1 4 16 64] [--rounds 3] [--plot FILE]

In one run of some 20 minutes, on one machine, with the same .keras file, pictures and codecs: the
compiled network alone on ready tiles, this service, a plain FastAPI, LitServe and Ray Serve with
their own batching. Everything compiled runs on the engine that is fastest on its own. Each rival
serves the file twice: as Keras documents it, which is given only JPEGs, and compiled as in this
service, which the rival does not do itself, to separate the serving from the network. Prints
Markdown tables of good answers a second and how that compares with the bare network, on tiles
without halos, just before and just after; latency; CPU seconds a picture; and the peak memory of
all processes of a server. Rivals that are not installed are named and left out: `pip install
litserve 'ray[serve]'`.

The bounds: a picture of 256x256 takes 16 clients at most 1/0.93 times what the network alone takes
as a JPEG, 1/0.88 times as a PNG, and a JPEG of 12 megapixels one client 1.15 times. One client
waits at most 8 ms beside the network. Rivals, as documented, do at most 1/1.3 of the pictures a
second with 16 clients, and none is sooner at the 95th percentile of one client. With the compiled
network none does more with 64 clients; and beside one client with pictures of 12 megapixels, the
95th percentile of small ones is at most a third of theirs. A part that is left out has no bounds.
"""

import argparse
import asyncio
import importlib.metadata
import importlib.util
import itertools
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np

from app import huge_pages
from app.imaging.picture import Format
from app.inference.engines import EngineName, installed
from benchmarks.bare import model, rates
from benchmarks.load import arrivals, open_loop
from benchmarks.loads import (
    HEAD,
    LARGE,
    LARGE_NAME,
    MIXED_CLIENTS,
    MIXED_NAME,
    PARTS,
    PNG_CLIENTS,
    SIDE,
    Pictures,
    Row,
    loads,
    small_name,
)
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pictures import requests
from benchmarks.servers import COMPILED, OURS, SERVERS
from benchmarks.service import PORT, service

OFFERED = (0.3, 0.6, 0.9)
"""Loads of the open loop, as shares of what the network alone can do."""


def bounds(rows: Sequence[Row], alone: float, parts: Sequence[str] = PARTS) -> Iterator[Bound]:
    """Return what is to hold of the parts; `alone` is the network's own time of one small image, in
    seconds.
    """

    def of(
        pictures: str, clients: int, measure: Callable[[Row], float], server: str = OURS
    ) -> float:
        """Return the median over the rounds; nan where there was none."""
        loads = (r for r in rows if (r.server, r.clients) == (server, clients))
        return float(
            np.median([measure(r) for r in loads if r.pictures.name == pictures] or math.nan)
        )

    def rate(row: Row) -> float:
        return row.result.rate

    def p95(row: Row) -> float:
        return row.result.percentile(95)

    jpeg, png = small_name(Format.JPEG), small_name(Format.PNG)
    names = list(dict.fromkeys(row.server for row in rows if row.server != OURS))
    compiled = [name for name in names if name.endswith(COMPILED)]
    for part, name, clients, most in (
        ("jpeg", jpeg, 16, 1 / 0.93),
        ("png", png, PNG_CLIENTS, 1 / 0.88),
        ("large", LARGE_NAME, 1, 1.15),
    ):
        if part in parts:
            times = of(name, clients, lambda row: row.bare / row.result.rate)
            yield Bound(f"time of a {name}, {clients} clients, by the network's", times, most)
    if "jpeg" in parts:
        wait = of(jpeg, 1, lambda row: row.result.percentile(50)) - alone
        yield Bound("what one client waits beside the network", wait * 1e3, 8, "ms")
        for rival in (name for name in names if name not in compiled):
            share = of(jpeg, 16, rate, rival) / of(jpeg, 16, rate)
            yield Bound(f"images/s of {rival}, 16 clients, by ours", share, 1 / 1.3)
            share = of(jpeg, 1, p95) / of(jpeg, 1, p95, rival)
            yield Bound(f"our p95 by that of {rival}, 1 client", share, 1.0)
        most = max((of(jpeg, 64, rate, rival) for rival in compiled), default=math.nan)
        share = most / of(jpeg, 64, rate)
        yield Bound("images/s of the best rival, compiled, 64 clients, by ours", share, 1.0)
    if "mixed" in parts:
        for rival in compiled:
            share = of(MIXED_NAME, MIXED_CLIENTS, p95) / of(MIXED_NAME, MIXED_CLIENTS, p95, rival)
            yield Bound(f"our p95 beside 12 MP by that of {rival}", share, 1 / 3)


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


def fastest_engine(seconds: float) -> tuple[EngineName, dict[int, float]]:
    """Return the engine that does most alone, and its pictures a second by the size of a batch.

    The variable makes it the engine of every server that is started from here.
    """
    found: dict[EngineName, dict[int, float]] = {}
    for name in installed():
        os.environ["DENOISER_ENGINE"] = name
        model.cache_clear()
        found[name] = rates(SIDE, seconds)
        shown = ", ".join(f"{batch}: {rate:.1f}" for batch, rate in found[name].items())
        print(f"{name} alone, {SIDE}x{SIDE} images a second by batch: {shown}.\n")
    best = max(found, key=lambda name: max(found[name].values()))
    os.environ["DENOISER_ENGINE"] = best
    model.cache_clear()
    return best, found[best]


def main() -> int:
    """Print the tables; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6, help="of each load")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    names = [s.name for s in SERVERS]
    parser.add_argument("--servers", nargs="+", default=names, choices=names)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--rounds", type=int, default=3, help="of ours, of which the median counts")
    parser.add_argument("--plot", type=Path, help="where to save images/s over clients")
    options = parser.parse_args()

    engine, alone = fastest_engine(options.seconds / 4)
    batch = max(alone, key=alone.__getitem__)
    small = {
        format_.value: Pictures(
            small_name(format_), requests(format_, SIDE, SIDE, 32, "/denoise"), SIDE**2, SIDE, batch
        )
        for format_ in (Format.JPEG, Format.PNG)
    }
    post = requests(Format.JPEG, *LARGE, 1, "/denoise")
    large = Pictures(LARGE_NAME, post, LARGE[0] * LARGE[1], tile=1024, batch=1)

    needed = [s for s in SERVERS if s.name in options.servers]
    found = {s.needs for s in needed if importlib.util.find_spec(s.needs)}
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in sorted(found))
    print(f"All on {engine}; {versions}.\n")
    rows: list[Row] = []
    print(head(*HEAD))
    for candidate in needed:
        if candidate.needs not in found:
            print(f"{candidate.name} is not installed", file=sys.stderr)
            continue
        for row in loads(candidate, small, large, options):
            rows.append(row)
            print(line(row.cells()), flush=True)

    if "open" in options.parts:
        print(f"\nArrivals at random (open loop), denoiser, {small['jpeg'].name}:\n")
        print(head("images/s offered", "answered", "p50 ms", "p95 ms", "p99 ms"))
        for cells in open_rows(small["jpeg"], alone[batch], 2 * options.seconds):
            print(line(cells), flush=True)
    if options.plot:
        plot([row for row in rows if row.pictures is small["jpeg"]], options.plot)
    print()
    return report(bounds(rows, 1 / alone[1], options.parts))


if __name__ == "__main__":
    huge_pages.use()  # as the service does
    sys.exit(main())
