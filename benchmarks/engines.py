"""Measure the service on each engine in turns: images a second, and the time from start to ready.

    python -m benchmarks.engines [--clients 16] [--seconds 10] [--rounds 3] [--precision auto]
    ONEDNN_MAX_CPU_ISA=AVX2 python -m benchmarks.engines --precision float32

The second runs both engines as on a processor with no more than AVX2, since their convolutions
respect that variable. Clients post JPEGs of 256x256; each round starts each server anew, and the
medians count. The bounds: OpenVINO does at least 1.35 times TensorFlow's images a second, and is
ready in half the time.
"""

import argparse
import asyncio
import os
import sys
import time
from dataclasses import dataclass
from statistics import median

from app.imaging.picture import Format
from app.inference.engines import EngineName, installed
from benchmarks.load import Request, closed_loop
from benchmarks.markdown import Bound, head, line, report
from benchmarks.pictures import requests
from benchmarks.service import PORT, service

WARM_SECONDS = 3.0
SIDE = 256
ENGINES: tuple[EngineName, EngineName] = ("openvino", "tensorflow")
FASTER, SOONER = 1.35, 0.5
"""Times the images a second, and the time to ready, of OpenVINO by TensorFlow's."""


@dataclass(frozen=True)
class Turn:
    """One start of the service on one engine."""

    engine: EngineName
    ready_seconds: float
    rate: float
    """Good answers a second."""
    p95: float
    cpu_seconds: float
    """Of the processor, for an image."""
    memory: int

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        return (
            self.engine,
            f"{self.ready_seconds:.1f}",
            f"{self.rate:.2f}",
            f"{self.p95 * 1e3:.0f}",
            f"{self.cpu_seconds * 1e3:.0f}",
            f"{self.memory >> 20}",
        )


HEAD = ("engine", "start to ready, s", "images/s", "p95 ms", "CPU ms/image", "peak MiB")


def turn(engine: EngineName, posts: list[Request], options: argparse.Namespace) -> Turn:
    """Start the service on an engine, put it under load, and stop it."""
    began = time.perf_counter()
    with service("--engine", engine, "--precision", options.precision) as process:
        ready = time.perf_counter() - began
        asyncio.run(closed_loop(PORT, posts, options.clients, WARM_SECONDS))
        used = process.cpu_seconds
        result = asyncio.run(closed_loop(PORT, posts, options.clients, options.seconds))
        used = (process.cpu_seconds - used) / max(1, len(result.latencies))
        p95 = result.percentile(95)
        return Turn(engine, ready, result.rate, p95, used, process.peak_memory)


def bounds(turns: list[Turn]) -> tuple[Bound, ...]:
    """Return what is to hold of the medians."""

    def ratio(name: str) -> float:
        ours, theirs = (
            median(getattr(turn, name) for turn in turns if turn.engine == engine)
            for engine in ENGINES
        )
        return float(ours / theirs)

    return (
        Bound("time of an image on OpenVINO, by TensorFlow's", 1 / ratio("rate"), 1 / FASTER),
        Bound("start to ready on OpenVINO, by TensorFlow's", ratio("ready_seconds"), SOONER),
    )


def main() -> int:
    """Print the tables; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10, help="of each load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    options = parser.parse_args()
    if not set(ENGINES) <= set(installed()):
        parser.error("needs both engines: pip install 'denoiser[cpu,openvino]'")
    posts = requests(Format.JPEG, SIDE, SIDE, 32, "/denoise")
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "all that the processor has")
    print(f"{options.clients} clients, precision {options.precision}; instructions: {limit}.\n")
    turns = []
    print(head(*HEAD), flush=True)
    for _ in range(options.rounds):
        for engine in ENGINES:
            turns.append(turn(engine, posts, options))
            print(line(turns[-1].cells()), flush=True)
    print()
    return report(bounds(turns))


if __name__ == "__main__":
    sys.exit(main())
