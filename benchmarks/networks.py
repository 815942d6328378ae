"""Measure what networks cost on this machine before they are trained.

    python -m benchmarks.networks [--seconds 3]

Builds networks of other widths and depths than the default's, with random weights, and prints
their parameters, multiply-adds, receptive radius, and time for a 256x256 picture on the engine of
the service: alone, and in a batch of eight, at the precision that the service would choose.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from app import huge_pages
from app.inference import engines
from app.inference.engines import REFERENCE, Forward, Precision
from benchmarks.markdown import line
from training.anatomy import anatomy
from training.architectures import build

SIDE = 256
CANDIDATES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("unet", {"widths": [24, 48, 96], "blocks": [2, 2, 2]}),
    ("unet", {"widths": [32, 64, 128], "blocks": [1, 1, 1]}),
    ("unet", {"widths": [32, 64, 128], "blocks": [2, 2, 2]}),
    ("unet", {"widths": [32, 64, 128], "blocks": [2, 2, 4]}),
    ("unet", {"widths": [32, 64, 128], "blocks": [3, 2, 3]}),
    ("unet", {"widths": [32, 64, 128], "blocks": [3, 3, 3]}),
    ("unet", {"widths": [48, 64, 128], "blocks": [2, 2, 2]}),
    ("unet", {"widths": [48, 96], "blocks": [2, 4]}),
    ("unet", {"widths": [64], "blocks": [8]}),
    ("autoencoder", {}),
)


def quickest(
    run: Callable[[], object], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of the quickest run, which nothing disturbed, after one to warm up."""
    run()
    times, until = [], clock() + seconds
    while clock() < until:
        began = clock()
        run()
        times.append(clock() - began)
    return min(times)


def milliseconds(forward: Forward, batch: int, seconds: float) -> float:
    """For one picture in a batch of so many."""
    tiles = np.random.default_rng(0).integers(0, 256, (batch, SIDE, SIDE, 3), np.uint8)
    return quickest(lambda: forward(tiles), seconds) / batch * 1e3


def row(architecture: str, options: dict[str, Any], seconds: float) -> tuple[str, ...]:
    """Return the cells of a network."""
    network = build(architecture, options)
    figures = anatomy(network)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.keras")
        network.save(file)
        forward = engines.engine(REFERENCE).load(file, Precision.AUTO, 0)
    alone, batched = (milliseconds(forward, batch, seconds) for batch in (1, 8))
    return (
        architecture,
        " ".join(f"{name} {'/'.join(map(str, value))}" for name, value in options.items()),
        f"{figures.parameters / 1e6:.2f}",
        f"{figures.gmac:.2f}",
        str(figures.radius),
        f"{alone:.1f}",
        f"{batched:.1f}",
        f"{figures.gmac / batched * 1e3:.0f}",
    )


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    options = parser.parse_args()
    print(line(("network", "options", "M parameters", "GMAC", "radius", "ms", "ms of 8", "GMAC/s")))
    print(line(["---"] * 8))
    for architecture, values in CANDIDATES:
        print(line(row(architecture, values, options.seconds)), flush=True)


if __name__ == "__main__":
    huge_pages.use()  # as the service does
    main()
