"""Measure the memory of the service for a large picture, and after thousands of mixed ones.

    python -m benchmarks.memory [--requests 10000] [--megapixels 12 50]

The peak is the sum over the processes of the service, minus what they held before, idle and warm;
shared memory counts in each. The time is that of one request. Then 8 clients post pictures of
many sizes, formats and bit depths. The bounds: 700 MiB for 12 megapixels, in proportion for more,
and at the end of all requests 5% more than after the first tenth.
"""

import argparse
import asyncio
import itertools
import math
import sys
import time
from dataclasses import replace

import numpy as np

from app.imaging.codec import encode
from app.imaging.formats import FORMATS, of_all_pictures
from app.imaging.picture import Format
from benchmarks.load import Client, Request
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pictures import photograph, requests
from benchmarks.process import Process
from benchmarks.service import PORT, service

MIB = 1 << 20
PEAK = 700 * MIB
"""For a picture of 12 megapixels, beyond the idle process."""
GROWTH = 1.05
CLIENTS = 8
KINDS = of_all_pictures()
SIDES = (32, 64, 100, 128, 200, 256, 300, 400)


async def post(request: Request) -> float:
    """Seconds until the answer, which must be 200."""
    client, began = Client("127.0.0.1", PORT), time.perf_counter()
    reply = await client.post(request.to_bytes(f"127.0.0.1:{PORT}"))
    client.close()
    if reply.status != 200:
        raise RuntimeError(f"answered with {reply.status}")
    return time.perf_counter() - began


def peak(process: Process, megapixels: float) -> Bound:
    """Print the row of one large JPEG."""
    height, width = (round(math.sqrt(megapixels * 1e6 * side)) for side in (3 / 4, 4 / 3))
    # At quality 95, 50 megapixels of noise would be more than a body may have.
    (large,) = requests(Format.JPEG, height, width, 1, "/denoise", quality=85)
    idle = process.resident  # as the peak counts it
    process.forget_peak()
    took = asyncio.run(post(large))
    over = process.peak_memory - idle
    cells = (f"{width}x{height}", f"{took:.2f}", f"{idle / MIB:.0f}", f"{over / MIB:.0f}")
    print(line(cells), flush=True)
    most = PEAK * max(1.0, megapixels / 12)
    return Bound(f"peak for {megapixels:g} MP over idle", over / MIB, most / MIB, "MiB")


def mixed() -> list[Request]:
    """Pictures of many sizes, grey and colour, of 8 and 16 bits, in all formats."""
    posts = []
    for number, (height, width) in enumerate(itertools.product(SIDES, SIDES)):
        picture = photograph(height, width, number)
        if number % 3 == 0:
            picture = replace(picture, pixels=np.ascontiguousarray(picture.pixels[..., :1]))
        if number % 5 == 0:
            picture = replace(picture, pixels=picture.pixels.astype(np.uint16) * 257)
        format_ = Format(KINDS[number % len(KINDS)].name)
        body = encode(picture, format_).data
        posts.append(Request("/denoise", FORMATS[format_].media_type, body))
    return [posts[index] for index in np.random.default_rng(0).permutation(len(posts))]


async def run(posts: list[Request], count: int) -> None:
    """Post so many of them, in turn, CLIENTS at a time."""
    left = iter(range(count))

    async def work() -> None:
        client = Client("127.0.0.1", PORT)
        for index in left:
            reply = await client.post(posts[index % len(posts)].to_bytes(f"127.0.0.1:{PORT}"))
            if reply.status != 200:
                raise RuntimeError(f"answered with {reply.status}")
        client.close()

    await asyncio.gather(*(work() for _ in range(CLIENTS)))


def soak(process: Process, count: int) -> Bound:
    """Print the resident memory after each tenth of the requests."""
    posts, held = mixed(), []
    print(f"\n{count} requests of mixed sizes:\n")
    print(head("requests", "resident MiB"))
    for tenth in range(1, 11):
        asyncio.run(run(posts, count // 10))
        held.append(process.memory)
        print(line((str(tenth * count // 10), f"{held[-1] / MIB:.0f}")), flush=True)
    most = GROWTH * held[0] / MIB
    return Bound("resident at the end", held[-1] / MIB, most, "MiB")


def main() -> int:
    """Print the tables; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--megapixels", type=float, nargs="*", default=[12, 50])
    options = parser.parse_args()
    bounds = []
    print(head("image", "seconds", "idle MiB", "peak over idle MiB"))
    for megapixels in options.megapixels:
        with service() as process:  # afresh, so that no earlier peak lingers
            bounds.append(peak(process, megapixels))
    with service() as process:
        bounds.append(soak(process, options.requests))
    print()
    return report(bounds)


if __name__ == "__main__":
    sys.exit(main())
