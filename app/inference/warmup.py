"""Warm up a network: run it once on each type and common size of tile, and time it."""

import math
import time
from itertools import product

import numpy as np

from app.inference.engines import Forward
from app.inference.store import BadModelPackage

SIDES = (256, 512, 1024)
"""Common sides of tiles, run once before the model counts as ready."""


def warm(forward: Forward, most: int) -> float:
    """Run every trace, and common tiles of at most `most` pixels; return seconds per pixel.

    Raises BadModelPackage for a network whose output differs in size from its input.
    """
    for channels, dtype in product((1, 3), (np.uint8, np.uint16, np.float32)):
        given = np.zeros((1, 64, 64, channels), dtype)
        found = forward(given).shape
        if found != given.shape:
            raise BadModelPackage(f"the network makes {found} of {given.shape}")
    for side in (side for side in SIDES if side**2 <= most):
        forward(np.zeros((1, side, side, 3), np.uint8))
    side = min(512, math.isqrt(most) // 64 * 64)
    return min(_timed(forward, side) for _ in range(2)) / side**2


def _timed(forward: Forward, side: int) -> float:
    """Return the seconds for one square tile."""
    began = time.monotonic()
    forward(np.zeros((1, side, side, 3), np.uint8))
    return time.monotonic() - began
