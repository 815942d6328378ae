"""Measure how cost grows with the size of pictures and batches, and with clients and cores.

    python -m benchmarks.growth [--seconds 5] [--page benchmarks/README.md]

One client posts JPEGs from 64x64 to 50 megapixels to the service on one core and on two; a line
through the medians, seconds = a + b * pixels, is fitted so that the relative errors are least. The
network alone runs batches from 1 to 64, and the service has from 1 to 256 clients. What larger
machines would do is extrapolated from the line, and marked so. `--page` inserts the results into a
page, between its two marks.
"""

import argparse
import asyncio
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.imaging.picture import Format
from benchmarks.bare import model, rates
from benchmarks.load import Request, Result, closed_loop
from benchmarks.markdown import head, line
from benchmarks.pictures import requests
from benchmarks.service import PORT, service

SIZES = (*((side, side) for side in (64, 128, 256, 512, 1024, 2048)), (3000, 4000), (6000, 8333))
BATCHES = (1, 2, 4, 8, 16, 32, 64)
CLIENTS = (1, 4, 16, 64, 256)
SIDE = 256
MANY_CORES = 64
QUALITY = 85
"""Of the JPEGs: at 95, 50 megapixels of noise would be more than a body may have."""
START, END = "<!-- benchmarks.growth -->", "<!-- end -->"


@dataclass(frozen=True)
class Line:
    """seconds = a + b * pixels."""

    a: float
    b: float

    def __call__(self, pixels: float) -> float:
        """Seconds."""
        return self.a + self.b * pixels

    def __str__(self) -> str:
        return f"{self.a * 1e3:.1f} ms + {self.b * 1e9:.0f} ms per megapixel"


def fit(pixels: Sequence[float], seconds: Sequence[float]) -> Line:
    """Return the line of the least relative errors, in the sense of their squares; a is not
    negative.
    """
    x, y = np.asarray(pixels), np.asarray(seconds)
    terms = np.stack([1 / y, x / y], axis=1)
    a, b = np.linalg.lstsq(terms, np.ones_like(y), rcond=None)[0]
    if a < 0:
        a, b = 0.0, float((x / y).sum() / np.square(x / y).sum())
    return Line(float(a), float(b))


def loop(posts: Sequence[Request], clients: int, seconds: float) -> Result:
    """Return a closed loop on the warm service; every request must be answered with an image."""
    asyncio.run(closed_loop(PORT, posts, clients, seconds / 5))
    result = asyncio.run(closed_loop(PORT, posts, clients, seconds))
    if set(result.statuses) != {200}:
        raise RuntimeError(f"answered with {dict(result.statuses)}")
    return result


def sizes(cores: Sequence[int], seconds: float, most: float) -> tuple[list[str], dict[int, Line]]:
    """Return the table of medians in ms by size, and the line of each number of cores."""
    shapes = [shape for shape in SIZES if math.prod(shape) <= most * 1e6]
    posts = [requests(Format.JPEG, *shape, 1, "/denoise", QUALITY) for shape in shapes]
    medians: dict[int, list[float]] = {}
    for count in cores:
        with service("--threads", str(count), cores=count):
            medians[count] = [loop(post, 1, seconds).percentile(50) for post in posts]
    pixels = [float(math.prod(shape)) for shape in shapes]
    lines = {count: fit(pixels, values) for count, values in medians.items()}
    named = [f"{count} core{'s' if count > 1 else ''}" for count in cores]
    columns = [name for each in named for name in (f"{each}, ms", "by the line")]
    table = [head("pixels", *columns)]
    for index, (height, width) in enumerate(shapes):
        found = [
            f"{milliseconds * 1e3:.0f}"
            for count in cores
            for milliseconds in (medians[count][index], lines[count](pixels[index]))
        ]
        table.append(line((f"{width}x{height}", *found)))
    return table, lines


def batches(seconds: float) -> Iterator[str]:
    """Return the table of the network alone."""
    yield head("batch", "images/s", "ms of a batch")
    for batch, rate in rates(SIDE, seconds, BATCHES).items():
        yield line((str(batch), f"{rate:.1f}", f"{batch / rate * 1e3:.0f}"))


def clients(seconds: float) -> Iterator[str]:
    """Return the table of closed loops."""
    posts = requests(Format.JPEG, SIDE, SIDE, 32, "/denoise")
    yield head("clients", "images/s", "p50 ms", "p95 ms", "p99 ms")
    room = str(2 * max(CLIENTS))
    with service("--max-requests", room, "--max-requests-per-address", room):
        for count in CLIENTS:
            result = loop(posts, count, seconds)
            times = (f"{result.percentile(p) * 1e3:.0f}" for p in (50, 95, 99))
            yield line((str(count), f"{result.rate:.1f}", *times))


def reckoned(lines: dict[int, Line]) -> Iterator[str]:
    """Return what other machines would do, by the lines."""
    most = max(lines)
    each, pixels = lines[most], SIDE * SIDE
    workers = MANY_CORES // most
    yield (
        f"By that line, {MANY_CORES} cores with {workers} workers of {most} threads would do "
        f"{workers / each(pixels):.0f} images of {SIDE}x{SIDE} a second, or "
        f"{workers / each(12e6):.1f} of 12 megapixels, each as late as above."
    )
    work = model().card.gmac / (SIDE * SIDE) * 1e6
    yield (
        f"The network is {work:.0f} GMAC for a megapixel: a GPU that gets through 100 TMAC a "
        f"second would need {work / 100:.1f} ms for it, and the cores that decode and encode would "
        "be what limits it."
    )
    yield "Both are reckoned, not measured."


def report(options: argparse.Namespace) -> str:
    """Return all of it, in Markdown."""
    table, lines = sizes(options.cores, options.seconds, options.megapixels)
    fitted = [f"- {count} of {os.cpu_count()} cores: {each}" for count, each in lines.items()]
    parts = [
        f"`python -m benchmarks.growth`, {model().card.name}, {os.cpu_count()} cores.",
        "### Size\n\nOne client, JPEG; the median time of a request.",
        "\n".join(table),
        "seconds = a + b * pixels:\n\n" + "\n".join(fitted),
        f"### Batch\n\nThe network alone, {SIDE}x{SIDE}.",
        "\n".join(batches(options.seconds)),
        f"### Clients\n\n{SIDE}x{SIDE} JPEG, each client posting again as soon as it is answered.",
        "\n".join(clients(options.seconds)),
        "### Larger machines",
        "\n".join(reckoned(lines)),
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Print the report, or put it into a page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--megapixels", type=float, default=50, help="of the largest image")
    parser.add_argument("--page", type=Path, help="a file with the two marks")
    options = parser.parse_args()
    text = report(options)
    if options.page:
        before, _, rest = options.page.read_text().partition(START)
        after = rest.partition(END)[2]
        options.page.write_text(f"{before}{START}\n\n{text}\n\n{END}{after}")
    else:
        print(text)


if __name__ == "__main__":
    main()
