"""Filters whose result is smaller than the input, by their reach at each edge."""

import math
from collections.abc import Sequence

import numpy as np

from app.imaging.noise.plane import Plane

ROWS, COLUMNS = -2, -1
"""The axes of planes [..., height, width]."""


def symmetric(x: Plane, taps: Sequence[float], axis: int) -> Plane:
    """Filter `x` along an axis by an odd number of symmetric taps.

    The result is shorter by `len(taps) - 1` along the axis.
    """
    reach = len(taps) // 2
    length = x.shape[axis] - 2 * reach

    def shifted(by: int) -> Plane:
        index = [slice(None)] * x.ndim
        index[axis] = slice(by, by + length)
        return x[tuple(index)]

    filtered = shifted(reach) * np.float32(taps[reach])
    for step in range(reach):
        pair = shifted(step) + shifted(2 * reach - step)
        pair *= np.float32(taps[step])
        filtered += pair
    return filtered


def blur(x: Plane, sigma: float) -> Plane:
    """Blur `x` [..., height, width] by a Gaussian, losing `reach(sigma)` at each side."""
    taps = gaussian(sigma)
    return symmetric(symmetric(x, taps, ROWS), taps, COLUMNS)


def reach(sigma: float) -> int:
    """Return the pixels to either side that a Gaussian of `sigma` pixels covers."""
    return max(1, math.ceil(2.5 * sigma))


def gaussian(sigma: float) -> tuple[float, ...]:
    """Return the taps of a Gaussian of `sigma` pixels; their sum is 1."""
    away = range(-reach(sigma), reach(sigma) + 1)
    weights = [math.exp(-(step**2) / (2 * sigma**2)) for step in away]
    return tuple(weight / sum(weights) for weight in weights)


def box(width: int) -> tuple[float, ...]:
    """Return the taps of a mean over an odd `width` of pixels."""
    return (1 / width,) * width


def inner(x: Plane, margin: int) -> Plane:
    """Return `x` [..., height, width] without a `margin` of pixels at each side."""
    return x[..., margin : x.shape[ROWS] - margin, margin : x.shape[COLUMNS] - margin]
