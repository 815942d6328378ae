"""Compare the quality of all engines at all precisions, which must agree to 0.02 dB.

    python -m benchmarks.agreement --pairs 'cc15/*_real.png' 'cc15/*_mean.png' --folder cbsd68
                                   [--sigma 15] [--models unet ...] [--count 20]

Prints the mean RGB PSNR of pairs of noisy and clean pictures, and of clean pictures with white
noise, drawn, clipped and rounded as `benchmarks.quality` does it; of either as many as are given,
or the first `--count` of them. Each picture is one tile. The bound: no engine at any precision is
more than 0.02 dB below TensorFlow in float32.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from app.imaging.metrics import psnr
from app.imaging.scale import Pixels
from app.inference.engines import EngineName, Precision, engine, installed
from app.inference.engines.bfloat16 import has_bfloat16
from app.inference.store import ModelPackage, read_packages
from benchmarks.markdown import Bound, head, line, report
from benchmarks.quality import Protocol, corrupted, pictures_of, read, read_pairs

MODELS = Path("models")
MOST_LOST = 0.02
"""Decibels."""

Pair = tuple[Pixels, Pixels]
"""A noisy picture, and how it is without noise."""


def decibels(
    name: EngineName, precision: Precision, package: ModelPackage, sets: Sequence[Sequence[Pair]]
) -> list[float]:
    """Return the mean PSNR of each set; for a process of its own, whose precision this sets."""
    forward = engine(name).load(package.path, precision, 0)
    stride = package.card.stride

    def denoised(noisy: Pixels) -> Pixels:
        height, width, _ = noisy.shape
        edge = ((0, -height % stride), (0, -width % stride), (0, 0))
        whole: Pixels = forward(np.pad(noisy, edge, mode="reflect")[None])[0, :height, :width]
        return whole

    return [
        float(np.mean([psnr(clean, denoised(noisy)) for noisy, clean in pairs])) for pairs in sets
    ]


def bounds(found: dict[tuple[str, str, str], list[float]]) -> list[Bound]:
    """Return what is to hold of the decibels by model, engine and precision."""
    result = []
    for (model, name, precision), values in found.items():
        expected = found[model, "tensorflow", "float32"]
        lost = max(np.subtract(expected, values))
        if values is not expected:
            result.append(Bound(f"lost: {model}, {name}, {precision}", lost, MOST_LOST, "dB"))
    return result


def main() -> int:
    """Print the tables; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", nargs=2, metavar=("NOISY", "CLEAN"), help="folders or patterns")
    parser.add_argument("--folder", help="clean images, to which white noise is added")
    parser.add_argument("--sigma", type=float, default=15, help="of that noise, 0..255")
    parser.add_argument("--models", nargs="+", default=["unet", "unet-fast"])
    parser.add_argument("--count", type=int, help="of each set, the first so many images")
    options = parser.parse_args()
    sets: dict[str, list[Pair]] = {}
    if options.pairs:
        pairs = read_pairs(*options.pairs)
        sets["pairs"] = [(noisy.pixels, clean.pixels) for _, noisy, clean in pairs]
    if options.folder:
        protocol = Protocol(np.dtype(np.uint8), shared=False, model=None)
        pictures = [read(file) for file in pictures_of(options.folder)[: options.count]]
        drawn = ((corrupted(clean, options.sigma, protocol), clean) for clean in pictures)
        name = f"white noise, sigma {options.sigma:g}"
        sets[name] = [(noisy.pixels, clean.pixels) for noisy, clean in drawn]
    if not sets:
        parser.error("give --pairs, --folder or both")
    given = [pairs[: options.count] for pairs in sets.values()]
    precisions = [Precision.FLOAT32, *([Precision.BFLOAT16] if has_bfloat16() else [])]
    packages = read_packages(MODELS)
    found: dict[tuple[str, str, str], list[float]] = {}
    print(head("model", "engine", "precision", *(f"{name}, dB" for name in sets)), flush=True)
    for model, name, precision in product(options.models, installed(), precisions):
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            values = process.submit(decibels, name, precision, packages[model], given).result()
        found[model, name, precision.value] = values
        cells = (model, name, precision.value, *(f"{value:.3f}" for value in values))
        print(line(cells), flush=True)
    print()
    return report(bounds(found))


if __name__ == "__main__":
    sys.exit(main())
