"""Small symmetric filters along rows and columns, with reflected edges."""

import math
from typing import Any

import numpy as np
from keras import ops

ROWS, COLUMNS = 1, 2
"""The axes of [n, h, w, c]: a filter along ROWS runs down, one along COLUMNS across."""


def filter_along(patches: Any, taps: Any, axis: int) -> Any:
    """Filter patches [n, h, w, c] by an odd number of taps along an axis."""
    radius, length = len(taps) // 2, patches.shape[axis]
    padding = [[0, 0]] * 4
    padding[axis] = [radius, radius]
    padded = ops.pad(patches, padding, mode="reflect")
    window = [slice(None)] * 4
    total = 0.0
    for index, tap in enumerate(taps):
        window[axis] = slice(index, index + length)
        total = total + float(tap) * padded[tuple(window)]
    return total


def box(patches: Any, width: int, axis: int) -> Any:
    """Return the mean of an odd number of neighbours along an axis."""
    return filter_along(patches, np.full(width, 1 / width), axis)


def blur(patches: Any, sigma: float) -> Any:
    """Blur patches by a Gaussian of `sigma` pixels, truncated at 2.5 sigma."""
    radius = max(1, math.ceil(2.5 * sigma))
    bell = np.exp(-np.square(np.arange(-radius, radius + 1)) / (2 * sigma**2))
    taps = bell / bell.sum()
    return filter_along(filter_along(patches, taps, ROWS), taps, COLUMNS)


def kernel(plane: Any, taps: dict[tuple[int, int], float]) -> Any:
    """Filter a plane [n, h, w, 1] by taps at (down, across), at most 2 away, with reflected edges.

    Reflection about the outermost row and column preserves the pattern of a mosaic.
    """
    height, width = plane.shape[1:3]
    padded = ops.pad(plane, [[0, 0], [2, 2], [2, 2], [0, 0]], mode="reflect")
    total = 0.0
    for (down, across), tap in taps.items():
        top, left = 2 + down, 2 + across
        total = total + tap * padded[:, top : top + height, left : left + width]
    return total


def deviation(residual: Any) -> Any:
    """Return the root mean square of each channel of each patch, [n, 1, 1, c]; never 0."""
    return ops.sqrt(ops.mean(ops.square(residual), axis=(1, 2), keepdims=True) + 1e-10)
