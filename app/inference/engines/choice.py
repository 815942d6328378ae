"""Choose the engine that runs the networks: the one named, or the fastest that is installed."""

import logging
from pathlib import Path
from typing import Literal

from app.inference import engines
from app.inference.engines import REFERENCE, EngineName, Forward, Precision, trial
from app.inference.store import BadModelPackage

logger = logging.getLogger(__name__)

Wanted = EngineName | Literal["auto"]

_decided: dict[tuple[Precision, int], EngineName] = {}
"""The engine that auto stands for, by precision and threads."""


def load(
    path: Path, wanted: Wanted, precision: Precision, threads: int
) -> tuple[EngineName, Forward]:
    """Load a model; return the engine, `wanted` or chosen for auto, and its forward pass.

    The first model decides what auto stands for in this process; another model that this engine
    cannot load runs on TensorFlow. Raises as `Engine.load` does, and ModuleNotFoundError if the
    engine's package is not installed.
    """
    name = _fastest(path, precision, threads) if wanted == "auto" else wanted
    try:
        return name, engines.engine(name).load(path, precision, threads)
    except BadModelPackage as error:
        if wanted != "auto" or name == REFERENCE or REFERENCE not in engines.installed():
            raise
        logger.warning("%s; it runs on %s", error, REFERENCE)
        return REFERENCE, engines.engine(REFERENCE).load(path, precision, threads)


def _fastest(path: Path, precision: Precision, threads: int) -> EngineName:
    """Return the engine that auto stands for in this process; the first model decides."""
    options = precision, threads
    if options not in _decided:
        _decided[options] = _by_trial(path, *options)
    return _decided[options]


def _by_trial(path: Path, precision: Precision, threads: int) -> EngineName:
    """Return the fastest installed engine by trial; the reference if none can load the model."""
    names = engines.suitable() or engines.installed()
    if len(names) < 2:
        return names[0] if names else REFERENCE
    seconds = trial.compare(names, path, precision, threads)
    fastest = min(seconds, key=seconds.__getitem__)
    times = ", ".join(f"{name} {value * 1e3:.0f} ms" for name, value in seconds.items())
    logger.info("engine %s: a trial takes %s", fastest, times)
    return fastest
