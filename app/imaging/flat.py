"""Flat areas: many equal pixels side by side, where there is no noise to remove.

They occur in screenshots, charts, margins of scans and clipped skies, but never in noise. A network
would change them by a level here and there; instead, they are kept.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Mask, Pixels

CELL = 8
"""Side of a cell in pixels; the blocks of a JPEG are as large, or twice as large."""

SQUARE = 3 * CELL
"""Side of the squares of one colour that make up flat areas, in pixels."""

_BEYOND = ((CELL, CELL), (CELL, CELL))

Indices = NDArray[np.intp]


def flat_area(pixels: Pixels) -> Mask | None:
    """Return which of `pixels` [height, width, channels] lie in flat areas: [height, width].

    Those are the pixels in any square of one colour that is three cells a side; of a square that
    begins a cell outside the image, the part inside counts. Returns None if there are none, or if
    all areas are too small to contain a cell of the grid surrounded by others of the same colour.
    Single flat cells occur in JPEGs, in smooth areas that are to be smoothed across them.
    """
    if not _has_flat_cells(pixels):
        return None
    across = np.pad(_equal(pixels[:, 1:], pixels[:, :-1]), _BEYOND, constant_values=True)
    down = np.pad(_equal(pixels[1:], pixels[:-1]), _BEYOND, constant_values=True)
    squares = _run(_run(across, SQUARE - 1, 1), SQUARE, 0)
    squares &= _run(_run(down, SQUARE - 1, 0), SQUARE, 1)
    outside = ~np.pad(squares, SQUARE - 1)
    area: Mask = ~_run(_run(outside, SQUARE, 0), SQUARE, 1)
    return area[CELL:-CELL, CELL:-CELL]


def _has_flat_cells(pixels: Pixels) -> bool:
    """Return whether any cell of the grid has one colour together with those around it.

    This takes a fraction of the time of `flat_area`, and most photographs have no such cell.
    """
    height, width, _ = pixels.shape
    tops, lefts = _starts(height), _starts(width)
    colours = pixels[np.ix_(tops, lefts)]
    flat = _equal(pixels[np.ix_(tops + CELL - 1, lefts + CELL - 1)], colours)
    if not flat.any():
        return False
    windows = _windows(pixels)
    for row in np.flatnonzero(flat.any(axis=1)):
        flat[row, flat[row]] = _flat(windows[tops[row], lefts[flat[row]]])
    around = np.pad(flat, 1, mode="edge")
    beside = np.pad(colours, ((1, 1), (1, 1), (0, 0)), mode="edge")
    for down, across in product(range(3), repeat=2):
        part = np.s_[down : down + len(tops), across : across + len(lefts)]
        flat &= around[part] & _equal(beside[part], colours)
    return bool(flat.any())


def _starts(length: int) -> Indices:
    """Return where cells begin along a side; the last one ends with the side, and may overlap."""
    starts = np.arange(0, length - CELL + 1, CELL)
    return starts if length % CELL == 0 or length < CELL else np.append(starts, length - CELL)


def _flat(cells: Pixels) -> Mask:
    """Return which of n cells [n, channels, CELL, CELL] are one colour."""
    flat: Mask = (cells == cells[..., :1, :1]).all(axis=(1, 2, 3))
    return flat


def _windows(pixels: Pixels) -> Pixels:
    """Return a view of all cells [height, width, channels, CELL, CELL]."""
    return np.lib.stride_tricks.sliding_window_view(pixels, (CELL, CELL), (0, 1))


def _equal(pixels: Pixels, others: Pixels) -> Mask:
    """Return where all channels are equal."""
    channels = range(pixels.shape[2])  # NumPy's `all` over so few takes three times as long
    found: Mask = np.logical_and.reduce(
        [pixels[..., each] == others[..., each] for each in channels]
    )
    return found


def _run(mask: Mask, length: int, axis: int) -> Mask:
    """Return where runs of `length` true values of `mask` begin, along an axis."""
    found, have = np.moveaxis(mask, axis, 0), 1
    while have < length:
        step = min(have, length - have)
        found = found[:-step] & found[step:]
        have += step
    return np.moveaxis(found, 0, axis)
