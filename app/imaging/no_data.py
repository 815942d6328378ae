"""Numbers that mean no data: -9999 around a map, the least float, -32768 outside a scan.

Few files declare this number, but it can be recognized: it is the least or the greatest, recurs
exactly, and lies far from all others.
"""

import math

import numpy as np

from app.imaging.range import FEW, REACH, SAMPLES, rare_of, usual_ends
from app.imaging.scale import Mask, Pixels

MAX_NUMBERS = 4
"""The most numbers in one image that may mean no data, each for a different reason."""


def no_data(pixels: Pixels, hidden: Mask | None) -> Mask:
    """Return which samples of `pixels`, of those not `hidden`, are a number that means no data.

    Numbers as rare as outliers are excluded, and so are those as close to the others as noise may
    reach; `app.imaging.range` defines both.
    """
    shown = np.broadcast_to(True if hidden is None else ~hidden, pixels.shape)
    values = pixels.ravel() if hidden is None else pixels[shown]
    found = np.zeros(pixels.shape, np.bool_)
    for _ in range(MAX_NUMBERS):
        number = _number(values)
        if number is None:
            break
        found |= (pixels == number) & shown
        values = values[values != number]
    return found


def _number(values: Pixels) -> float | int | None:
    """Return the least or the greatest of `values` if it means no data."""
    if not values.size:
        return None
    for number, nearest in ((values.min(), np.min), (values.max(), np.max)):
        if np.count_nonzero(values == number) <= max(rare_of(values.size), FEW):
            continue
        others = values[values != number]
        if others.size and abs(float(nearest(others)) - float(number)) > _reach(others):
            found: float | int = number.item()
            return found
    return None


def _reach(values: Pixels) -> float:
    """Return how far noise may reach beyond `values`: as far as they span without outliers.

    It is infinite if all are equal: that is a drawing, whose other colour may be anything.
    """
    low, high = usual_ends(values[:: math.ceil(values.size / SAMPLES)])
    return REACH * (high - low) if high > low else math.inf
