"""Measure the gain from huge pages: the network on tiles of several sizes, with and without.

    python -m benchmarks.pages [--model unet] [--rounds 3]

Each round runs the network in a process of its own without huge pages, and then in one with them;
the medians of the rounds count. Where Linux gives huge pages to all programs, there is no
difference.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from app import huge_pages
from app.inference.engines import EngineName, Forward, Precision, engine, installed
from app.inference.store import read_packages
from benchmarks.markdown import head, line

MODELS = Path("models")
TILES = ((1, 256, 256, 3), (1, 512, 512, 3), (1, 3008, 1440, 3), (1, 1440, 3008, 3))
"""The third is that of 12 megapixels; the last is the same on its side."""
PASSES = 5


def measure(name: EngineName, model: str) -> list[float]:
    """Return the median seconds of a pass, of PASSES, for each of TILES."""
    forward = engine(name).load(read_packages(MODELS)[model].path, Precision.AUTO, 0)
    return [_seconds(forward, shape) for shape in TILES]


def _seconds(forward: Forward, shape: tuple[int, ...]) -> float:
    tiles = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for _ in range(2):
        forward(tiles)
    times = []
    for _ in range(PASSES):
        began = time.perf_counter()
        forward(tiles)
        times.append(time.perf_counter() - began)
    return median(times)


def measured_apart(name: EngineName, model: str, *, huge: bool) -> list[float]:
    """Return what `measure` does in a process with huge pages, or without."""
    environment = {**os.environ, huge_pages.TUNABLES: f"{huge_pages.ASK}={int(huge)}"}
    command = (sys.executable, "-m", "benchmarks.pages", "--model", model, "--engine", name)
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    found: list[float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="unet")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        print(json.dumps(measure(options.engine, options.model)))
        return
    print(head("engine", "tile", "ms without huge pages", "with", "ratio"), flush=True)
    for name in installed():
        turns = [
            [measured_apart(name, options.model, huge=huge) for huge in (False, True)]
            for _ in range(options.rounds)
        ]
        for place, (_, height, width, _) in enumerate(TILES):
            without, having = (median(turn[huge][place] for turn in turns) for huge in (0, 1))
            times = f"{without * 1e3:.1f}", f"{having * 1e3:.1f}", f"{having / without:.2f}"
            print(line((name, f"{height}x{width}", *times)), flush=True)


if __name__ == "__main__":
    main()
