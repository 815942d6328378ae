"""Measure colour casts: changes of local means, which viewers notice at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels, to_unit

SIDE = 32
"""Side in pixels of the squares over which means are taken, also in training."""


def movements(before: Pixels, after: Pixels) -> NDArray[np.float64]:
    """Return the change of the mean of each square in each channel, in 8-bit levels, as a vector.

    Both images are [height, width, channels]. The squares have 32x32 pixels, or fewer in a smaller
    image; incomplete ones at the right and the bottom are left out.
    """
    difference = (to_unit(after).astype(np.float64) - to_unit(before)) * 255
    height, width, channels = difference.shape
    tall, wide = min(SIDE, height), min(SIDE, width)
    rows, columns = height // tall, width // wide
    whole = difference[: rows * tall, : columns * wide]
    squares = whole.reshape(rows, tall, columns, wide, channels)
    means: NDArray[np.float64] = squares.mean(axis=(1, 3)).ravel()
    return means


def rms_and_95th(moved: NDArray[Any]) -> tuple[float, float]:
    """Return the root mean square of changes, and the 95th percentile of their magnitudes."""
    return float(np.sqrt(np.square(moved).mean())), float(np.percentile(np.abs(moved), 95))
