"""Measure every model on this machine, on every engine and at every precision.

    python -m benchmarks.machine [--seconds 3] [--threads 0] [--models unet ...] [--busy]

Prints what the processor can do, the peak of each engine in one large operation, and a row for each
model, engine and precision: ms for a picture of 256x256, alone and in a batch of four,
seconds for a megapixel in one tile, and the share of the peak that is reached. The fastest run
counts each time. Engines that are not installed are left out, and so are precisions that the
processor does not support. `ONEDNN_MAX_CPU_ISA=AVX2 python -m benchmarks.machine --precisions
float32` makes both engines do without AVX512, like a smaller processor. On a machine that others
use, `--busy` counts the time of the processor, with one thread, instead of the clock's.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from app import huge_pages
from app.inference.engines import EngineName, Precision, engine, installed
from app.inference.engines.bfloat16 import has_bfloat16
from app.inference.store import read_packages
from benchmarks.markdown import head, line
from benchmarks.networks import SIDE, quickest

FEATURES = {
    "AVX2": ("avx2",),
    "AVX512": ("avx512f",),
    "VNNI": ("avx512_vnni", "avx_vnni"),
    "BF16": ("avx512_bf16",),
    "AMX": ("amx_bf16",),
}
"""What convolutions can make use of, and the words for it in /proc/cpuinfo."""

MODELS = Path("models")
BATCH, LARGE = 4, 1024
RANDOM = np.random.default_rng(0)
ROWS, INNER = 4096, 2048
"""The matrices of the product: ROWS x INNER and INNER x INNER."""
CHANNELS, PIXELS = 512, 32
"""The convolution: 3x3, CHANNELS to CHANNELS, on PIXELS x PIXELS."""


def processor(cpuinfo: str) -> tuple[str, list[str]]:
    """Its name, and which of FEATURES it has, by what Linux tells."""
    told = dict(entry.split(":", 1) for entry in cpuinfo.splitlines() if ":" in entry)
    facts = {key.strip(): value.strip() for key, value in told.items()}
    flags = set(facts.get("flags", "").split())
    found = [name for name, words in FEATURES.items() if flags.intersection(words)]
    return facts.get("model name", "unknown"), found


def largest(
    name: EngineName, precision: Precision, threads: int
) -> tuple[float, Callable[[], object]]:
    """Return what the engine is fastest at, and its GMAC: a large product of matrices, or for
    OpenVINO a convolution, which heeds ONEDNN_MAX_CPU_ISA where its product does not.
    """
    left, right = (np.ones((rows, INNER), np.float32) for rows in (ROWS, INNER))
    if name == "tensorflow":
        import tensorflow as tf

        a, b = (tf.cast(side, precision.value) for side in (left, right))
        return ROWS * INNER**2 / 1e9, lambda: tf.matmul(a, b).numpy()
    if name == "jax":
        import jax.numpy as jnp

        c, d = (jnp.asarray(side, precision.value) for side in (left, right))
        return ROWS * INNER**2 / 1e9, lambda: jnp.matmul(c, d).block_until_ready()
    from app.inference.engines.runtime import CORE, openvino, opset

    pixels = np.ones((1, CHANNELS, PIXELS, PIXELS), np.float32)
    given = opset.parameter(pixels.shape, openvino.Type.f32)
    kernel = opset.constant(np.ones((CHANNELS, CHANNELS, 3, 3), np.float32))
    found = opset.result(opset.convolution(given, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    options = {"INFERENCE_PRECISION_HINT": "bf16" if precision is Precision.BFLOAT16 else "f32"}
    if threads:
        options["INFERENCE_NUM_THREADS"] = str(threads)
    model = openvino.Model([found], [given], "largest")
    request = CORE.compile_model(model, "CPU", options).create_infer_request()
    gmac = PIXELS**2 * 9 * CHANNELS**2 / 1e9
    return gmac, lambda: request.infer([pixels], share_inputs=True, share_outputs=True)


def measure(options: argparse.Namespace) -> None:
    """Print the peak and the rows of one engine at one precision, whose process this is."""
    name, precision = options.engine, Precision(options.precision)
    packages = {n: p for n, p in read_packages(MODELS).items() if n in options.models}
    forwards = {
        model: engine(name).load(package.path, precision, options.threads)
        for model, package in packages.items()
    }
    clock = time.process_time if options.busy else time.perf_counter

    def milliseconds(run: Callable[[], object]) -> float:
        return quickest(run, options.seconds, clock) * 1e3

    gmac, run = largest(name, precision, options.threads)
    peak = gmac * 1e3 / milliseconds(run)
    for model, forward in forwards.items():
        shapes = (1, SIDE), (BATCH, SIDE), (1, LARGE)
        inputs = [RANDOM.integers(0, 256, (n, side, side, 3), np.uint8) for n, side in shapes]
        alone, batch, large = (milliseconds(partial(forward, tiles)) for tiles in inputs)
        batched = batch / BATCH
        best = min(alone, batched, large * SIDE**2 / LARGE**2)
        reached = packages[model].card.gmac / best * 1e3
        cells = (model, name, precision.value, f"{alone:.1f}", f"{batched:.1f}")
        large_seconds = large / 1e3 / LARGE**2 * 1e6
        shares = f"{large_seconds:.2f}", f"{reached:.0f}", f"{peak:.0f}", f"{reached / peak:.2f}"
        print(line((*cells, *shares)), flush=True)


def main() -> None:
    """Print Markdown; each engine at each precision has a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    precisions = ["float32", *(["bfloat16"] if has_bfloat16() else [])]
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--threads", type=int, default=0, help="of a pass; 0 takes all cores")
    parser.add_argument("--models", nargs="+", default=list(read_packages(MODELS)))
    parser.add_argument("--busy", action="store_true", help="count time of one core, not wall time")
    parser.add_argument("--precisions", nargs="+", default=precisions)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--precision", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.busy:
        options.threads = 1
    if options.engine:
        measure(options)
        return
    name, features = processor(Path("/proc/cpuinfo").read_text())
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA")
    limited = f", of which {limit} at most is used" if limit else ""
    cores = "one core" if options.busy else f"{os.cpu_count()} cores"
    print(f"{name}, {cores}; {', '.join(features) or 'no AVX2'}{limited}.\n")
    ms = ("ms", f"ms of {BATCH}", "s per megapixel")
    print(head("model", "engine", "precision", *ms, "GMAC/s", "peak", "share"), flush=True)
    for precision in options.precisions:
        for engine_name in installed():
            again = (sys.executable, "-m", "benchmarks.machine", *sys.argv[1:])
            part = ("--engine", engine_name, "--precision", precision)
            subprocess.run([*again, *part], check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    huge_pages.use()  # as the service does
    main()
