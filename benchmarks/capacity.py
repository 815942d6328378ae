"""Find how many replicas a load needs, and what a million images cost.

    python -m benchmarks.capacity --speed 0.24 --rate 20 --within 2 --megapixels 12
    python -m benchmarks.capacity --cost 0.24 8 0.40 --megapixels 12
    python -m benchmarks.capacity --check [--seconds 60] [--side 512]

The first simulates requests that arrive at random at replicas, and prints the fewest that answer
95% of them in time. `--speed` is the seconds that one replica takes for a megapixel when it is
busy, from `denoiser_tile_pixels_total` or `--check`. The second prints the cost of a million images
on machines given by the seconds that one core takes for a megapixel, the number of cores, and the
price of an hour. `--check` compares the simulation with the service on this machine: it
measures the speed by 1 to 16 clients, posts at random times at 0.5, 0.8 and 1.5 times what it can
do, and simulates the very same arrivals.

What is simulated is the batcher: the requests in progress take turns, each with a tile; the lanes
take batches of them and share the machine, which is faster the more requests there are, up to the
speed measured with 16 clients. So images of one tile are answered in the order of arrival, and
those of many tiles side by side. A request is refused if its tiles, and those whose turn is before,
would take more than `--queue-seconds`.
"""

import argparse
import asyncio
import itertools
import math
import sys
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Self

import numpy as np

from app.imaging.picture import Format
from app.inference.batcher import LANES, Limits
from app.inference.tiler import Tiler
from app.service.local import package_of
from app.service.options import DenoiseOptions
from app.settings import Settings
from benchmarks.load import Request as Post
from benchmarks.load import arrivals, closed_loop, open_loop
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pictures import requests
from benchmarks.service import PORT, service

CLIENTS = (1, 2, 4, 16)
"""With which the speed is measured, by turns."""
ROUNDS = 3
LOADS = (0.5, 0.8, 1.5)
"""Of the check, as shares of what the service can do."""
TOLERANCE = 1.5
"""Most factor between a measured and a simulated 95th percentile, either way."""
STEADY = 1.2
"""Most factor between the speeds before and after a load: beyond, the machine had other work."""
SIMULATED_SECONDS = 600.0

Speed = Callable[[int], float]
"""Work a replica does in a second with so many requests in progress."""
MANY = 1000
"""Requests with which a replica is as fast as can be."""


@dataclass(frozen=True)
class Shape:
    """How images of one size go through the batcher."""

    tiles: int = 1
    """Of an image."""
    batch: int = 1
    """Most tiles in a batch."""
    lanes: int = 1
    """Batches in progress at a time."""

    @classmethod
    def of(cls, height: int, width: int) -> Self:
        """Return the shape for the default model."""
        card = package_of(DenoiseOptions(), Settings()).card
        tiles = Tiler.of(card).plan(height, width)
        batch = Limits().batch_pixels // tiles[0].size
        return cls(len(tiles), max(1, batch), LANES if batch else 1)


@dataclass
class Request:
    """A request in progress."""

    number: int
    waiting: int
    """Its tiles that are in no batch yet."""
    work: float
    """What each of its tiles needs."""
    undone: int


@dataclass
class Batch:
    """Tiles in a lane."""

    requests: list[Request]
    left: float
    """Work that is to be done."""


@dataclass
class Replica:
    """The batcher of one replica at one time."""

    speed: Speed
    shape: Shape = Shape()
    now: float = 0.0
    queue: deque[Request] = field(default_factory=deque)
    """The requests whose tiles wait, in the order of their turns."""
    lanes: list[Batch] = field(default_factory=list)
    requests: int = 0
    """Those in progress."""

    def takes(self, work: float, within: float) -> bool:
        """Return whether a request for so much work, of which each tile takes turns, is taken."""
        if not self.requests:
            return True
        running = sum(each.work for batch in self.lanes for each in batch.requests)
        ahead = sum(min(each.waiting, self.shape.tiles) * each.work for each in self.queue)
        return (running + ahead + work) / self.speed(MANY) <= within

    def add(self, number: int, work: float) -> None:
        """Queue a request."""
        tiles, self.requests = self.shape.tiles, self.requests + 1
        self.queue.append(Request(number, tiles, work / tiles, tiles))
        self._fill()

    def advance(self, until: float) -> list[tuple[float, int]]:
        """Work until a time; return when which requests were done."""
        done = []
        while self.lanes:
            first = min(self.lanes, key=lambda batch: batch.left)
            each = self.speed(self.requests) / len(self.lanes)  # the lanes share the machine evenly
            spent = min(first.left, (until - self.now) * each)
            for batch in self.lanes:
                batch.left -= spent
            if first.left > 0:
                break
            self.now += spent / each
            self.lanes.remove(first)
            finished = _finished(first)
            self.requests -= len(finished)
            done += [(self.now, request.number) for request in finished]
            self._fill()
        self.now = until
        return done

    def _fill(self) -> None:
        """Give each free lane a tile of every request in turn, as many as fit into a batch."""
        while self.queue and len(self.lanes) < self.shape.lanes:
            taken = [self.queue.popleft() for _ in range(min(len(self.queue), self.shape.batch))]
            for request in taken:
                request.waiting -= 1
            self.lanes.append(Batch(taken, sum(request.work for request in taken)))
            self.queue += [request for request in taken if request.waiting]


def _finished(batch: Batch) -> list[Request]:
    """Count the tiles of a batch as done; return the requests that have no others."""
    for request in batch.requests:
        request.undone -= 1
    return [request for request in batch.requests if not request.undone]


def simulate(
    due: Sequence[float],
    work: float,
    replicas: int,
    speed: Speed,
    shape: Shape,
    queue_seconds: float = math.inf,
) -> list[float | None]:
    """Return the seconds from each arrival to its answer, or None if it is refused.

    `due` are the times of the arrivals, in order, and `work` what each needs. Each goes to the less
    busy of two replicas picked at random, as Ray Serve has it.
    """
    random = np.random.default_rng(0)
    pool = [Replica(speed, shape) for _ in range(replicas)]
    latency: list[float | None] = [None] * len(due)

    def advance(replica: Replica, until: float) -> None:
        for when, number in replica.advance(until):
            latency[number] = when - due[number]

    for number, at in enumerate(due):
        picked = [pool[index] for index in random.integers(0, replicas, 2)]
        for replica in picked:
            advance(replica, at)
        chosen = min(picked, key=lambda replica: replica.requests)
        if chosen.takes(work, queue_seconds):
            chosen.add(number, work)
    for replica in pool:
        advance(replica, math.inf)
    return latency


def percentile(latencies: Sequence[float | None], percent: float) -> float:
    """Return the percentile of those that were answered; nan if none was."""
    answered = [latency for latency in latencies if latency is not None]
    return float(np.percentile(answered, percent)) if answered else math.nan


def replicas_for(rate: float, within: float, work: float, speed: Speed, shape: Shape) -> int:
    """Return the fewest replicas whose 95th percentile is `within` seconds.

    `rate` are requests a second, each of which needs `work`. Raises ValueError if no number would
    do, because even one request alone takes longer.
    """
    if work / speed(1) > within:
        raise ValueError(f"one request alone takes {work / speed(1):.2f} s")
    due = arrivals(rate, SIMULATED_SECONDS)

    def enough(replicas: int) -> bool:
        return percentile(simulate(due, work, replicas, speed, shape), 95) <= within

    least = most = max(1, math.ceil(rate * work / speed(MANY)))
    while not enough(most):
        least, most = most + 1, 2 * most
    return bisect_left(range(most), True, lo=least, key=enough)


def cost_of_a_million(speed: float, cores: float, price: float, megapixels: float) -> float:
    """Return what a million images cost, in the currency of `price`, which is by the hour.

    `speed` is in seconds of one core for a megapixel; all cores are taken to be busy.
    """
    return 1e6 * megapixels * speed / cores / 3600 * price


def measured(rates: dict[int, float], scale: float = 1.0) -> Speed:
    """Return the speed between and beyond numbers of requests for which it is known, scaled."""
    known, values = sorted(rates), [scale * rates[count] for count in sorted(rates)]
    return lambda count: float(np.interp(count, known, values))


def check(seconds: float, side: int, queue_seconds: float) -> int:
    """Print the service beside its simulation; return 1 if they differ by more than TOLERANCE.

    The speed is measured anew before and after each load, and the simulation has the mean of both:
    a machine that others share is not the same from one minute to the next.
    """
    posts = requests(Format.JPEG, side, side, 16, "/denoise")
    shape, bounds = Shape.of(side, side), list[Bound]()
    room = ("--max-requests", "1000", "--max-requests-per-address", "1000")
    with service("--queue-seconds", str(queue_seconds), *room):
        busy(posts, seconds / 6)  # the first are slower
        turns = [[busy(posts, seconds / 12, clients) for clients in CLIENTS] for _ in range(ROUNDS)]
        rates = dict(zip(CLIENTS, map(mean, zip(*turns, strict=True)), strict=True))
        shown = ", ".join(f"{clients}: {rate:.2f}" for clients, rate in rates.items())
        print(f"Images a second by clients: {shown}.")
        print(f"{1e6 / max(rates.values()) / side**2:.3f} seconds a megapixel. {shape}\n")
        cells = ("offered", "refused", "simulated", "p50 s", "simulated", "p95 s", "simulated")
        print(head("load", *cells))
        before = busy(posts, seconds / 6)
        for load in LOADS:
            due = arrivals(load * before, seconds)
            found = asyncio.run(open_loop(PORT, itertools.cycle(posts).__next__, due))
            after = busy(posts, seconds / 6)
            speed = measured(rates, mean((before, after)) / rates[CLIENTS[-1]])
            told = simulate(due, 1.0, 1, speed, shape, queue_seconds)
            pairs = [(found.percentile(p), percentile(told, p)) for p in (50, 95)]
            refused = len(found.answers) - found.statuses[200], told.count(None)
            values = (f"{value:.2f}" for pair in pairs for value in pair)
            print(line((f"{load:g}", f"{load * before:.2f}/s", *map(str, refused), *values)))
            bounds.append(
                Bound(f"factor between the p95 at {load:g}", _factor(*pairs[1]), TOLERANCE)
            )
            bounds.append(
                Bound("factor between the speeds around it", _factor(before, after), STEADY)
            )
            before = after
    print()
    return report(bounds)


def busy(posts: list[Post], seconds: float, clients: int = CLIENTS[-1]) -> float:
    """Return the images a second that the service does for so many clients."""
    return asyncio.run(closed_loop(PORT, posts, clients, seconds)).rate


def _factor(one: float, other: float) -> float:
    return max(one / other, other / one)


def main() -> int:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--speed", type=float, help="seconds a megapixel of a busy replica")
    parser.add_argument("--alone", type=float, default=1.3, help="factor on it for one request")
    parser.add_argument("--rate", type=float, help="requests a second")
    parser.add_argument("--within", type=float, help="seconds for 95%% of them")
    parser.add_argument("--megapixels", type=float, default=12.0, help="of an image")
    parser.add_argument(
        "--cost", type=float, nargs=3, action="append", metavar=("SECONDS", "CORES", "PRICE")
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seconds", type=float, default=60, help="of each load of the check")
    parser.add_argument("--side", type=int, default=512, help="of the check's images, in pixels")
    parser.add_argument("--queue-seconds", type=float, default=10, help="of the check")
    given = parser.parse_args()
    for speed, cores, price in given.cost or ():
        cost = cost_of_a_million(speed, cores, price, given.megapixels)
        hours = 1e6 * given.megapixels * speed / cores / 3600
        print(f"{cost:.0f} for a million images of {given.megapixels:g} MP: {hours:.0f} hours")
    if given.speed and given.rate and given.within:
        busy = 1 / given.speed
        speed_ = measured({1: busy / given.alone, 16: busy})
        height = math.sqrt(0.75e6 * given.megapixels)
        shape = Shape.of(round(height), round(height / 0.75))
        needed = replicas_for(given.rate, given.within, given.megapixels, speed_, shape)
        print(f"{needed} replicas for {given.rate:g} requests/s within {given.within:g} s (p95)")
    return check(given.seconds, given.side, given.queue_seconds) if given.check else 0


if __name__ == "__main__":
    sys.exit(main())
