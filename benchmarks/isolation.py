"""Measure the cost of decoding and encoding pictures in confined processes.

    python -m benchmarks.isolation [--seconds 2]

prints a Markdown table of the median milliseconds of processor time per picture: decoded and
encoded in a thread, and by the service and a worker together, with one round trip for a small
picture and more for a large one. Other work on the machine matters little. Also prints the memory
of the processes of the sandbox, with shared pages counted once.
"""

import argparse
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.to_thread

from app.imaging.blend import FULL
from app.imaging.codec import decode, encode
from app.imaging.picture import Format
from app.imaging.view import corrected, noise_found, view_of
from app.sandbox.pool import SPAWNER, Sandbox
from app.sandbox.rendering import Rendering
from benchmarks.pictures import photograph
from benchmarks.process import family, proportional

SIZES = {"256 x 256": (256, 256), "12 megapixels": (3000, 4000)}
FORMATS = (Format.PNG, Format.JPEG)
MOST = 10**9


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.isolation")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each number")
    seconds = parser.parse_args().seconds
    sandbox = Sandbox(4)
    print("| image | in a thread | in a worker | more |\n|---|---|---|---|")
    for title, size in SIZES.items():
        picture = photograph(*size)
        for target in FORMATS:
            data = encode(picture, target).data
            own = partial(anyio.to_thread.run_sync, partial(_here, data))
            thread = await _milliseconds(own, seconds)
            worker = await _milliseconds(partial(_apart, sandbox, data), seconds)
            row = f"{thread:.1f} ms | {worker:.1f} ms | {worker - thread:.1f} ms"
            print(f"| {title}, {target} | {row} |", flush=True)
    pids = family(SPAWNER.pid)
    memory = sum(map(proportional, pids))
    print(f"\n{len(pids)} processes hold {memory >> 20} MiB, after the last of these.")
    sandbox.close()


def _here(data: bytes) -> None:
    picture = decode(data, max_pixels=MOST)
    view, restored = view_of(picture), picture.pixels.copy()
    noise_found(view, restored)
    encode(corrected(picture, view, restored, FULL))


async def _apart(sandbox: Sandbox, data: bytes) -> None:
    """As /denoise has it, with a network that changes nothing."""
    async with sandbox.worker() as worker:
        _, picture = await worker.open_shared(data, max_pixels=MOST, max_side=MOST)
        picture = picture or await worker.decode_shared(max_pixels=MOST, max_side=MOST)
    layout, restored = picture.layout, picture.room()
    restored.view[:] = picture.area.view[: restored.size]
    async with sandbox.worker() as worker:
        await worker.finish(
            picture,
            restored,
            Rendering(layout.channels),
            Format(layout.format),
            quality=None,
            strip=False,
        )


async def _milliseconds(work: Callable[[], Awaitable[None]], seconds: float) -> float:
    """Return the median of as many times as there are in `seconds`, three at least."""
    await work()
    times: list[float] = []
    end = time.monotonic() + seconds
    pids = [os.getpid(), *(family(SPAWNER.pid) if SPAWNER.pid else [])]
    while len(times) < 3 or time.monotonic() < end:
        started = sum(map(_cpu_seconds, pids))
        await work()
        times.append(sum(map(_cpu_seconds, pids)) - started)
    return statistics.median(times) * 1e3


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, to the nanosecond: Linux has a clock for each."""
    return time.clock_gettime(~pid << 3 | 2)


if __name__ == "__main__":
    anyio.run(main)
