"""Flat areas: many equal pixels side by side, where there is no noise to remove.

Noise leaves no such areas; screens, charts, margins of scans and clipped skies have them. There, a
network would be off by a level here and there; instead, they are kept.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels

CELL = 8
"""Side of a cell in pixels; the blocks of a JPEG are as large, or twice that."""

SQUARE = 3 * CELL
"""Side of the squares of one colour that make up flat areas, in pixels."""

_BEYOND = ((CELL, CELL), (CELL, CELL))

Indices = NDArray[np.intp]


class Cells(NamedTuple):
    """The positions of the upper left pixels of n cells."""

    tops: Indices
    lefts: Indices


def flat_cells(pixels: Pixels) -> Cells | None:
    """Find the cells of `pixels` [height, width, channels] within flat areas; None without any.

    A cell counts if it and those around it, within the image, are one colour: 24 pixels across, or
    fewer at the right and bottom, where the last cells may overlap. Single flat cells occur in
    JPEGs, where a smooth area has to be smoothed across them.
    """
    height, width, _ = pixels.shape
    tops, lefts = _starts(height), _starts(width)
    colours = pixels[np.ix_(tops, lefts)]
    flat = (pixels[np.ix_(tops + CELL - 1, lefts + CELL - 1)] == colours).all(axis=-1)
    if not flat.any():
        return None  # as in most photographs, and quick to check
    windows = _windows(pixels)
    for row in flat.any(axis=1).nonzero()[0]:
        flat[row, flat[row]] = _flat(windows[tops[row], lefts[flat[row]]])
    around = np.pad(flat, 1, mode="edge")
    beside = np.pad(colours, ((1, 1), (1, 1), (0, 0)), mode="edge")
    for down, across in product(range(3), repeat=2):
        part = np.s_[down : down + len(tops), across : across + len(lefts)]
        flat &= around[part] & (beside[part] == colours).all(axis=-1)
    row, column = flat.nonzero()
    return Cells(tops[row], lefts[column]) if len(row) else None


def flat_area(pixels: Pixels) -> NDArray[np.bool_] | None:
    """Return which pixels [height, width] are flat, to the edges of the areas with flat cells.

    Those are all that lie in a square of three cells a side of one colour; of a square that begins
    a cell beyond the image, the part within counts. None without any flat cell.
    """
    if flat_cells(pixels) is None:
        return None
    across = np.pad(_equal(pixels[:, 1:], pixels[:, :-1]), _BEYOND, constant_values=True)
    down = np.pad(_equal(pixels[1:], pixels[:-1]), _BEYOND, constant_values=True)
    squares = _run(_run(across, SQUARE - 1, 1), SQUARE, 0)
    squares &= _run(_run(down, SQUARE - 1, 0), SQUARE, 1)
    outside = ~np.pad(squares, SQUARE - 1)
    area: NDArray[np.bool_] = ~_run(_run(outside, SQUARE, 0), SQUARE, 1)
    return area[CELL:-CELL, CELL:-CELL]


def kept(pixels: Pixels, moved: Pixels, cells: Cells) -> Pixels:
    """Return a copy of `moved` whose cells are those of `pixels`."""
    result = moved.copy()
    _windows(result, writeable=True)[cells] = _windows(pixels)[cells]
    return result


def _starts(length: int) -> Indices:
    """Return where cells begin along a side; the last one ends with it, and may overlap."""
    starts = np.arange(0, length - CELL + 1, CELL)
    return starts if length % CELL == 0 or length < CELL else np.append(starts, length - CELL)


def _flat(cells: Pixels) -> NDArray[np.bool_]:
    """Return which of n cells [n, channels, CELL, CELL] are one colour."""
    flat: NDArray[np.bool_] = (cells == cells[..., :1, :1]).all(axis=(1, 2, 3))
    return flat


def _windows(pixels: Pixels, *, writeable: bool = False) -> Pixels:
    """Return a view of all cells [height, width, channels, CELL, CELL]."""
    size = (CELL, CELL)
    return np.lib.stride_tricks.sliding_window_view(pixels, size, (0, 1), writeable=writeable)


def _equal(pixels: Pixels, others: Pixels) -> NDArray[np.bool_]:
    """Return where all channels are equal."""
    channels = range(pixels.shape[2])  # NumPy's `all` over so few takes three times as long
    found: NDArray[np.bool_] = np.logical_and.reduce(
        [pixels[..., each] == others[..., each] for each in channels]
    )
    return found


def _run(mask: NDArray[np.bool_], length: int, axis: int) -> NDArray[np.bool_]:
    """Return where `length` values of `mask` that are true begin, along an axis."""
    found, have = np.moveaxis(mask, axis, 0), 1
    while have < length:
        step = min(have, length - have)
        found = found[:-step] & found[step:]
        have += step
    return np.moveaxis(found, 0, axis)
