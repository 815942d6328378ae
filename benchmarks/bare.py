"""The compiled network alone, on tiles in memory: what every server is measured against."""

import time
from collections.abc import Iterable
from functools import cache

import numpy as np

from benchmarks.rivals.model import Model

BATCHES = (1, 2, 4, 8, 16)


@cache
def model() -> Model:
    """Return the default model; it is loaded once."""
    return Model()


def seconds_per_batch(height: int, width: int, batch: int, seconds: float) -> float:
    """Return the mean time of a batch [batch, height, width, 3], over so many seconds."""
    tiles = list(np.zeros((batch, height, width, 3), np.uint8))
    model().denoise(tiles)
    began, runs = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - began) < seconds or not runs:
        model().denoise(tiles)
        runs += 1
    return elapsed / runs


def rates(side: int, seconds: float, batches: Iterable[int] = BATCHES) -> dict[int, float]:
    """Pictures [side, side, 3] a second, by the size of the batch."""
    return {batch: batch / seconds_per_batch(side, side, batch, seconds) for batch in batches}
