"""Post three times as many pictures as the service can process, and measure its recovery.

    python -m benchmarks.overload [--seconds 60] [--times 3] [--queue-seconds 60] [--side 256]

Measures what 16 clients get (the capacity) and the latency of one; then posts pictures at random
times, so many times the capacity, whatever the service answers; waits ten seconds, and measures the
latency of one client again. The bounds: every answer is 200, or 503 with Retry-After; the accepted
are answered within the deadline; the latency afterwards is at most a tenth over what it was before.
"""

import argparse
import asyncio
import itertools
import sys

from app.imaging.picture import Format
from benchmarks.load import Result, arrivals, closed_loop, open_loop
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pictures import requests
from benchmarks.service import PORT, service

PAUSE = 10.0


def latencies(name: str, result: Result) -> str:
    """Return a row of the table."""
    return line((name, *(f"{result.percentile(p) * 1e3:.0f}" for p in (50, 95, 99))))


def main() -> int:
    """Print the tables; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--times", type=float, default=3)
    parser.add_argument("--queue-seconds", type=float, default=60, help="the deadline")
    parser.add_argument("--side", type=int, default=256, help="of the images, in pixels")
    options = parser.parse_args()

    posts = requests(Format.JPEG, options.side, options.side, 16, "/denoise")
    many = ("--max-requests-per-address", "100000")  # as if each request had an address of its own
    with service("--queue-seconds", str(options.queue_seconds), *many):
        short = min(10.0, options.seconds)
        capacity = asyncio.run(closed_loop(PORT, posts, 16, short)).rate
        before = asyncio.run(closed_loop(PORT, posts, 1, short))
        due = arrivals(options.times * capacity, options.seconds)
        pick = itertools.cycle(posts).__next__
        during = asyncio.run(open_loop(PORT, pick, due))
        asyncio.run(asyncio.sleep(PAUSE))
        after = asyncio.run(closed_loop(PORT, posts, 1, short))

    refused = [answer for answer in during.answers if answer.reply.status == 503]
    waits = sorted({answer.reply.retry_after or 0 for answer in refused})
    told = sum(answer.reply.retry_after is not None for answer in refused)
    statuses = ", ".join(f"{count} of {status}" for status, count in during.statuses.items())
    print(f"{capacity:.1f} images/s can be done, {len(due) / options.seconds:.1f} were offered.")
    print(f"Answers by status: {statuses}. Retry-After: {', '.join(f'{w:g}' for w in waits)} s.\n")
    print(head(f"{options.side}x{options.side}, 200 only", "p50 ms", "p95 ms", "p99 ms"))
    print(latencies("one client before", before))
    print(latencies("during the overload", during))
    print(latencies("one client ten seconds after", after))
    print()
    others = len(during.answers) - during.statuses[200] - told
    return report(
        (
            Bound("answers that are neither 200 nor 503 with Retry-After", others, 0),
            Bound("p99 of the accepted", during.percentile(99), options.queue_seconds, "s"),
            Bound(
                "p50 after the overload",
                after.percentile(50) * 1e3,
                1.1 * before.percentile(50) * 1e3,
                "ms",
            ),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
