"""How many replicas answer R requests a second within T seconds, and what a million images cost.

    python -m benchmarks.capacity --speed 0.24 --rate 20 --within 2 --megapixels 12
    python -m benchmarks.capacity --cost 0.24 8 0.40 --megapixels 12
    python -m benchmarks.capacity --check [--seconds 60] [--side 512]

The first simulates requests that arrive at random at replicas, and prints the fewest that answer
95% of them in time. `--speed` is the seconds that one replica takes for a megapixel when it is
busy, as `denoiser_tile_pixels_total` tells, or `--check`. The second prints the cost of a million
images by machines that take that many seconds for a megapixel with one core, have so many cores,
and cost so much an hour. `--check` compares the simulation with the service on this machine: it
measures the speed by 1 to 16 clients, posts at random times at 0.5, 0.8 and 1.5 times what it can
do, and simulates the very same arrivals.

The model is a queue with shared service (processor sharing): a replica works on all its requests at
once, as the batcher takes tiles in turn, and the more there are, the fuller its batches and the
faster it is, up to the speed that is measured with 16 clients. A request that would face more than
`--queue-seconds` is refused.
"""

import argparse
import asyncio
import itertools
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.imaging.codec import Format
from benchmarks.load import arrivals, closed_loop, open_loop
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pictures import requests
from benchmarks.service import PORT, service

CLIENTS = (1, 2, 4, 16)
"""With which the speed is measured."""
LOADS = (0.5, 0.8, 1.5)
"""Of the check, as shares of what the service can do."""
TOLERANCE = 1.5
"""Most factor between a measured and a simulated 95th percentile, either way."""
SIMULATED_SECONDS = 600.0
MOST_REPLICAS = 1000

Speed = Callable[[int], float]
"""Work a replica does in a second with so many requests in progress."""


@dataclass
class Replica:
    """A queue with shared service: the state of one replica at one time."""

    speed: Speed
    now: float = 0.0
    left: list[tuple[float, int]] = field(default_factory=list)
    """Work that each request in progress still needs, and its number."""

    @property
    def backlog(self) -> float:
        """Seconds that all its work will take."""
        work = sum(work for work, _ in self.left)
        return work / self.speed(len(self.left)) if self.left else 0.0

    def advance(self, until: float) -> list[tuple[float, int]]:
        """Work until a time; return when which requests were done."""
        done = []
        while self.left:
            each = self.speed(len(self.left)) / len(self.left)
            least, number = min(self.left)
            if self.now + least / each > until:
                spent = (until - self.now) * each
                self.left = [(work - spent, which) for work, which in self.left]
                break
            self.now += least / each
            done.append((self.now, number))
            self.left = [(work - least, which) for work, which in self.left if which != number]
        self.now = until
        return done


def simulate(
    due: Sequence[float],
    work: Sequence[float],
    replicas: int,
    speed: Speed,
    queue_seconds: float = math.inf,
    seed: int = 0,
) -> list[float | None]:
    """Return the seconds from each arrival to its answer, or None if it is refused.

    `due` are the times of the arrivals, in order, and `work` what each needs. Each goes to the less
    busy of two replicas picked at random, as Ray Serve has it.
    """
    random = np.random.default_rng(seed)
    pool = [Replica(speed) for _ in range(replicas)]
    latency: list[float | None] = [None] * len(due)

    def advance(replica: Replica, until: float) -> None:
        for when, number in replica.advance(until):
            latency[number] = when - due[number]

    for number, (at, needs) in enumerate(zip(due, work, strict=True)):
        picked = [pool[index] for index in random.integers(0, replicas, 2)]
        for replica in picked:
            advance(replica, at)
        chosen = min(picked, key=lambda replica: len(replica.left))
        if chosen.backlog <= queue_seconds:
            chosen.left.append((needs, number))
    for replica in pool:
        advance(replica, math.inf)
    return latency


def percentile(latencies: Sequence[float | None], percent: float) -> float:
    """Return the percentile of those that were answered; nan if none was."""
    answered = [latency for latency in latencies if latency is not None]
    return float(np.percentile(answered, percent)) if answered else math.nan


def replicas_for(rate: float, within: float, work: float, speed: Speed) -> int:
    """Return the fewest replicas whose 95th percentile is `within` seconds.

    `rate` are requests a second, each of which needs `work`. Raises ValueError if no number would
    do, because even one request alone takes longer.
    """
    if work / speed(1) > within:
        raise ValueError(f"one request alone takes {work / speed(1):.2f} s")
    due = arrivals(rate, SIMULATED_SECONDS)
    for replicas in itertools.count(max(1, math.ceil(rate * work / speed(1000)))):
        if percentile(simulate(due, [work] * len(due), replicas, speed), 95) <= within:
            return replicas
    raise AssertionError


def cost_of_a_million(speed: float, cores: float, price: float, megapixels: float) -> float:
    """Return what a million images cost, in the currency of `price`, which is by the hour.

    `speed` is in seconds of one core for a megapixel; all cores are taken to be busy.
    """
    return 1e6 * megapixels * speed / cores / 3600 * price


def measured(rates: dict[int, float]) -> Speed:
    """Return the speed between and beyond numbers of requests for which it is known."""
    known, values = sorted(rates), [rates[count] for count in sorted(rates)]
    return lambda count: float(np.interp(count, known, values))


def check(seconds: float, side: int, queue_seconds: float) -> int:
    """Print the service beside its simulation; return 1 if they differ by more than TOLERANCE."""
    posts = requests(Format.JPEG, side, side, 16, "/denoise")
    bounds = []
    room = ("--max-requests", "1000", "--max-requests-per-address", "1000")
    with service("--queue-seconds", str(queue_seconds), *room):
        asyncio.run(closed_loop(PORT, posts, 4, 5.0))  # the first are slower
        rates = {
            clients: asyncio.run(closed_loop(PORT, posts, clients, seconds / 4)).rate
            for clients in CLIENTS
        }
        speed, most = measured(rates), max(rates.values())
        shown = ", ".join(f"{clients}: {rate:.2f}" for clients, rate in rates.items())
        print(f"Images a second by clients: {shown}.")
        print(f"{1e6 / most / side**2:.3f} seconds a megapixel.\n")
        cells = ("offered", "refused", "simulated", "p50 s", "simulated", "p95 s", "simulated")
        print(head("load", *cells))
        for load in LOADS:
            due = arrivals(load * most, seconds)
            pick = itertools.cycle(posts).__next__
            found = asyncio.run(open_loop(PORT, pick, due))
            told = simulate(due, [1.0] * len(due), 1, speed, queue_seconds)
            pairs = [(found.percentile(p), percentile(told, p)) for p in (50, 95)]
            refused = len(found.answers) - found.statuses[200], told.count(None)
            values = (f"{value:.2f}" for pair in pairs for value in pair)
            print(line((f"{load:g}", f"{load * most:.2f}/s", *map(str, refused), *values)))
            ratio = pairs[1][0] / pairs[1][1]
            factor = max(ratio, 1 / ratio)
            bounds.append(Bound(f"factor between the p95 at {load:g}", factor, TOLERANCE))
    print()
    return report(bounds)


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
        needed = replicas_for(given.rate, given.within, given.megapixels, speed_)
        print(f"{needed} replicas for {given.rate:g} requests/s within {given.within:g} s (p95)")
    return check(given.seconds, given.side, given.queue_seconds) if given.check else 0


if __name__ == "__main__":
    sys.exit(main())
