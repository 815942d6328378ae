"""Choose the engine that runs the networks: the one named, or the fastest that is installed."""

import logging
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from app.inference import engines
from app.inference.engines import REFERENCE, EngineName, Forward, Precision
from app.inference.store import BadModelPackage

logger = logging.getLogger(__name__)

Wanted = EngineName | Literal["auto"]
TRIAL = ((1, 256, 256, 3), (4, 256, 256, 3), (1, 512, 512, 3))
"""A small image alone, a full batch of such, and a larger one: each engine has its strengths."""
TRIAL_RUNS = 3
TRIAL_SECONDS = 120.0
"""The longest time for a trial in another process, including the import of its engine."""

START = """
import sys; sys.path[:] = {sys_path!r}
from pathlib import Path
from app.inference.engines.choice import trial
print("seconds:", trial({name!r}, Path({path!r}), {precision!r}, {threads!r}))
"""


def load(
    path: Path, wanted: Wanted, precision: Precision, threads: int
) -> tuple[EngineName, Forward]:
    """Load a model; return the engine, `wanted` or chosen for auto, and its forward pass.

    The first model decides what auto is for the process; another model that this engine cannot load
    runs on TensorFlow. Raises as `Engine.load` does, and ModuleNotFoundError if the engine's
    package is not installed.
    """
    name = _fastest(path, precision, threads) if wanted == "auto" else wanted
    try:
        return name, engines.engine(name).load(path, precision, threads)
    except BadModelPackage as error:
        if wanted != "auto" or name == REFERENCE or REFERENCE not in engines.installed():
            raise
        logger.warning("%s; it runs on %s", error, REFERENCE)
        return REFERENCE, engines.engine(REFERENCE).load(path, precision, threads)


@cache
def _fastest(path: Path, precision: Precision, threads: int) -> EngineName:
    """Return the fastest installed engine by trial; the reference if none can load the model.

    Each trial is a process of its own, since what an engine has imported stays in memory.
    """
    names = engines.suitable() or engines.installed()
    if len(names) < 2:
        return names[0] if names else REFERENCE
    seconds = {name: _trial_apart(name, path, precision, threads) for name in names}
    fastest = min(seconds, key=seconds.__getitem__)
    times = ", ".join(f"{name} {value * 1e3:.0f} ms" for name, value in seconds.items())
    logger.info("engine %s: a trial takes %s", fastest, times)
    return fastest


def trial(name: EngineName, path: Path, precision: str, threads: int) -> float:
    """Return the seconds that a warm engine takes for the batches of TRIAL, at best."""
    forward = engines.engine(name).load(path, Precision(precision), threads)
    random = np.random.default_rng(0)
    batches = [random.integers(0, 256, shape, np.uint8) for shape in TRIAL]
    times = []
    for _ in range(1 + TRIAL_RUNS):
        began = time.perf_counter()
        for tiles in batches:
            forward(tiles)
        times.append(time.perf_counter() - began)
    return min(times[1:])


def _trial_apart(name: EngineName, path: Path, precision: Precision, threads: int) -> float:
    """Run `trial` in another process; return infinity if it fails."""
    program = START.format(
        sys_path=sys.path, name=name, path=str(path), precision=str(precision), threads=threads
    )
    command = (sys.executable, "-c", program)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and words
            command, capture_output=True, text=True, timeout=TRIAL_SECONDS, check=True
        )
    except (subprocess.SubprocessError, OSError) as error:
        output = getattr(error, "stderr", None) or str(error)
        logger.warning("engine %s has failed its trial: %s", name, output.strip()[-500:])
        return float("inf")
    return float(done.stdout.split("seconds:")[-1])
