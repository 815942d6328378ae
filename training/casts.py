"""Colour casts: how far the local means of an image have moved, which viewers notice at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels, to_unit

SIDE = 32
"""Side in pixels of the squares over which means are taken, in training, too."""


def movements(before: Pixels, after: Pixels) -> NDArray[np.float64]:
    """Return by how much the mean of each square has moved in each channel, in 8-bit levels.

    Both are [height, width, channels]; the squares are 32x32 pixels, or as large as a smaller
    picture allows, and a rest at the right and the bottom is left out. The result is flat.
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
    """Return the root of the mean square of movements, and the 95th percentile of their sizes."""
    return float(np.sqrt(np.square(moved).mean())), float(np.percentile(np.abs(moved), 95))
