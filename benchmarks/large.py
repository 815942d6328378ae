"""Compare the cost of large and thin pictures with the bare network, and show where time goes.

    python -m benchmarks.large [--engine tensorflow] [--model unet] [--rounds 3] [--busy]

Bare is the network alone on as many pixels, at the cost per pixel of the fastest shape: batches of
256x256, or a tile of 1024x1024. A JPEG of 12 megapixels is taken through the steps of the service
one by one, and then posted to it. So are pictures of a few rows or columns, as PNG; their due time
is that of tiles of their own length and the least suitable side. The fastest round counts. On a
machine that others use, `--busy` counts the time of the processor, with one thread, instead of the
clock's.

The bounds: 12 megapixels are answered within 1.15 of their bare time, and thin pictures processed
within 1.15 of their due.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from app import huge_pages
from app.imaging.codec import decode, encode
from app.imaging.formats import FORMATS
from app.imaging.picture import Format, Picture
from app.imaging.scale import Pixels
from app.imaging.tiling import cost, plan
from app.inference.denoiser import Denoiser
from app.inference.engines import NEEDS, REFERENCE, Forward, Precision, engine
from app.inference.store import read_packages
from benchmarks.load import Client, Request
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pictures import photograph
from benchmarks.service import PORT, service

LARGE, LARGE_NAME = (3000, 4000), "12 MP jpeg"
THIN = ((1, 65_500), (65_500, 1), (3, 20_000), (20_000, 3), (16, 16_000))
BARE = ((4, 256, 256, 3), (1, 1024, 1024, 3))
MOST = 1.15
MAX_PIXELS = 1 << 28

Clock = Callable[[], float]


def quickest(rounds: int, clock: Clock, run: Callable[[], object]) -> float:
    """Seconds of the quickest of the rounds, after one to warm up."""
    times = []
    for _ in range(1 + rounds):
        began = clock()
        run()
        times.append(clock() - began)
    return min(times[1:])


def bare(forward: Forward, rounds: int, clock: Clock) -> float:
    """Seconds of the network alone for the pixels of LARGE, a picture's worth of tiles a round."""
    pixels, found = LARGE[0] * LARGE[1], []
    for shape in BARE:
        tiles = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        size = tiles.size // 3
        count = round(pixels / size)

        def run(tiles: Pixels = tiles, count: int = count) -> None:
            for _ in range(count):
                forward(tiles)

        found.append(quickest(rounds, clock, run) * pixels / size / count)
    return min(found)


def steps(
    denoiser: Denoiser, data: bytes, rounds: int, clock: Clock
) -> Iterator[tuple[str, float]]:
    """Seconds of what the service does with a file, one after the other."""
    read = partial(decode, data, max_pixels=MAX_PIXELS)
    picture = read()
    yield "decode", quickest(rounds, clock, read)
    yield (
        "denoise, tile by tile",
        quickest(rounds, clock, lambda: denoiser.submit(picture).result()),
    )
    denoised = denoiser.submit(picture).result()
    merge = quickest(rounds, clock, lambda: (denoised.picture, denoised.sigma))
    yield "merge, and tell the noise", merge
    yield "encode", quickest(rounds, clock, partial(encode, denoised.picture))


def posted(pictures: Sequence[tuple[Format, Picture]], options: argparse.Namespace) -> list[float]:
    """Seconds of the service for each picture, from the request to the end of the answer."""
    flags = ["--engine", options.engine, "--model", options.model]
    with service(*flags, *(["--threads", "1"] if options.busy else [])) as process:
        clock = (lambda: process.cpu_seconds) if options.busy else time.perf_counter
        found = []
        for kind, picture in pictures:
            request = Request("/denoise", FORMATS[kind].media_type, encode(picture, kind).data)
            found.append(quickest(options.rounds, clock, partial(post, request)))
        return found


def post(request: Request) -> None:
    """Post a picture, which must be answered with 200."""

    async def answered() -> int:
        client = Client("127.0.0.1", PORT)
        reply = await client.post(request.to_bytes(f"127.0.0.1:{PORT}"))
        client.close()
        return reply.status

    if (status := asyncio.run(answered())) != 200:
        raise RuntimeError(f"answered with {status}")


def due(height: int, width: int, stride: int) -> int:
    """Pixels that a thin picture has to take: no less than its length in the least of tiles."""
    short, length = sorted((height, width))
    return length * plan(short, short, halo=0, stride=stride)[0].rows.length


def main() -> int:
    """Print the tables; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", default=REFERENCE, choices=list(NEEDS))
    parser.add_argument("--model", default="unet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", action="store_true", help="count time of one core, not wall time")
    options = parser.parse_args()
    clock = time.process_time if options.busy else time.perf_counter
    threads = 1 if options.busy else 0
    package = read_packages(Path("models"))[options.model]
    card = package.card

    forward = engine(options.engine).load(package.path, Precision.AUTO, threads)
    alone, own = bare(forward, options.rounds, clock), LARGE[0] * LARGE[1]
    print(f"{options.model} on {options.engine}, bare: {alone / own * 1e6:.3f} s a megapixel.\n")
    large = replace(photograph(*LARGE), format=Format.JPEG)
    denoiser = Denoiser.load(package, engine=options.engine, threads=threads)
    print(head(LARGE_NAME, "seconds", "of bare"))
    for name, seconds in steps(denoiser, encode(large).data, options.rounds, clock):
        print(line((name, f"{seconds:.3f}", f"{seconds / alone:.3f}")), flush=True)
    denoiser.close()

    pictures = [(Format.JPEG, large), *((Format.PNG, photograph(*size)) for size in THIN)]
    print(f"\n{head('posted', 'tiles', 'pixels', 'processed', 'seconds', 's a MP processed')}")
    bounds = []
    for (kind, picture), seconds in zip(pictures, posted(pictures, options), strict=True):
        size = picture.height, picture.width
        tiles = plan(*size, halo=card.halo, stride=card.stride)
        name, shape = f"{size[0]}x{size[1]} {kind}", "{}x{}".format(*tiles[0].shape)
        counts = f"{len(tiles)} of {shape}", str(picture.height * picture.width), str(cost(tiles))
        speed = f"{seconds / cost(tiles) * 1e6:.3f}"
        print(line((name, *counts, f"{seconds:.3f}", speed)), flush=True)
        if size == LARGE:
            bounds.append(Bound(f"time of a {LARGE_NAME}, by the network's", seconds / alone, MOST))
        else:
            share = cost(tiles) / due(*size, card.stride)
            bounds.append(Bound(f"pixels of {name}, by its due", share, MOST))
    print()
    return report(bounds)


if __name__ == "__main__":
    huge_pages.use()  # as the service does
    sys.exit(main())
