"""What it would cost to decode each picture in another process.

    python -m benchmarks.isolation [--seconds 2]

prints a Markdown table of milliseconds a picture, the median: decoded in a thread, as the service
does it, and in a process (anyio.to_process: a fresh interpreter, files and pixels through a pipe),
which a crash of native code would end in place of the service. And what such a process weighs.
"""

import argparse
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import anyio
import anyio.to_process
import anyio.to_thread

from app.imaging.codec import Format, Picture, decode, encode
from benchmarks.pictures import photograph
from benchmarks.process import resident

SIZES = {"256 x 256": (256, 256), "12 megapixels": (3000, 4000)}
FORMATS = (Format.PNG, Format.JPEG)

Work = Callable[[], Awaitable[Picture]]


async def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.isolation")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each number")
    seconds = parser.parse_args().seconds
    print("| picture | in a thread | in a process | more |\n|---|---|---|---|")
    for title, size in SIZES.items():
        picture = photograph(*size)
        for target in FORMATS:
            read = partial(decode, encode(picture, target).data, max_pixels=10**9)
            thread = await _milliseconds(partial(anyio.to_thread.run_sync, read), seconds)
            process = await _milliseconds(partial(anyio.to_process.run_sync, read), seconds)
            row = f"{thread:.1f} ms | {process:.1f} ms | {process - thread:.1f} ms"
            print(f"| {title}, {target} | {row} |", flush=True)
    memory = sum(resident(pid) for pid in _children())
    print(f"\nThe process holds {memory >> 20} MiB, after the last of these.")


async def _milliseconds(work: Work, seconds: float) -> float:
    """The median of as many times as there are in `seconds`, three at least."""
    await work()
    times: list[float] = []
    end = time.monotonic() + seconds
    while len(times) < 3 or time.monotonic() < end:
        started = time.perf_counter()
        await work()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e3


def _children() -> list[int]:
    tasks = Path("/proc/self/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


if __name__ == "__main__":
    anyio.run(main)
