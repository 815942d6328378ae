"""Cut images into tiles of a few fixed shapes, and put them together again.

A tile is larger than the part of the result that it fills, its core: the halo between the two is
context, wide enough that the core is the same as if the whole image were processed at once. At the
edges of the image there is nothing beyond and no halo is needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels

SIDES = (*range(64, 512, 64), *range(512, 2113, 32))
"""Sides that a tile may have. Small ones are few, so that images of many sizes share batches; fine
steps between the large ones waste little padding. The largest tile, 4.5 megapixels, takes under two
seconds on two cores, and 12 megapixels cost no more than 13.
"""

TILE_COST = 28_000
"""Cost of a tile beside its pixels, in pixels: about 7 ms, when a megapixel takes 260 ms."""


@dataclass(frozen=True, slots=True)
class Span:
    """One axis of a tile: it covers `start` to `start + length` and fills the core."""

    start: int
    length: int
    core_start: int
    core_stop: int

    @property
    def core(self) -> slice:
        """The core, in coordinates of the image."""
        return slice(self.core_start, self.core_stop)

    @property
    def core_in_tile(self) -> slice:
        """The core, in coordinates of the tile."""
        return slice(self.core_start - self.start, self.core_stop - self.start)


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of a plane of the image, and the core of it that is kept.

    `plane` counts the planes across `axis`, of which 0 is that of frames, through all volumes.
    """

    rows: Span
    columns: Span
    axis: int = 0
    plane: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.rows.length, self.columns.length

    @property
    def size(self) -> int:
        """Pixels, halo included."""
        return self.rows.length * self.columns.length


def sides_within(pixels: float, *, halo: int) -> tuple[int, ...]:
    """Return those of SIDES whose square has at most so many pixels, and those a halo requires."""
    return tuple(side for side in SIDES if side**2 <= pixels or side <= 4 * halo + SIDES[0])


@lru_cache(maxsize=256)
def plan(
    height: int, width: int, *, halo: int, stride: int, sides: tuple[int, ...] = SIDES
) -> tuple[Tile, ...]:
    """Plan tiles of one shape whose cores cover `height` x `width` pixels once each, row by row.

    Of all shapes with sides in `sides`, the one of least cost is chosen. Tiles start at multiples
    of `stride`, the factor by which the network reduces its input, so that every tile sees the
    image in the same phase; `sides` must be multiples of it, too. Between two cores both tiles
    extend at least `halo` pixels beyond the border.
    """
    rows = [_spans(height, side, halo, stride) for side in sides]
    columns = [_spans(width, side, halo, stride) for side in sides]
    best_rows, best_columns = min(
        ((r, c) for r, c in product(rows, columns) if r and c),
        key=lambda axes: (
            len(axes[0]) * len(axes[1]) * (axes[0][0].length * axes[1][0].length + TILE_COST)
        ),
    )
    return tuple(Tile(r, c) for r, c in product(best_rows, best_columns))


def _spans(size: int, length: int, halo: int, stride: int) -> list[Span]:
    """Return spans of `length` over `size` pixels; none if `length` leaves no room for a core."""
    if size <= length:
        return [Span(0, length, 0, size)]
    step = (length - 2 * halo) // stride * stride
    if step <= 0:
        return []
    # The last tile ends where the image does, rounded up to the stride; the rest are spread
    # evenly, which widens every halo at no cost.
    last = -(-(size - length) // stride) * stride
    count = -(-last // step) + 1
    starts = [round(i * last / (count - 1) / stride) * stride for i in range(count)]
    borders = [(a + length + b) // 2 for a, b in pairwise(starts)]
    cores = zip([0, *borders], [*borders, size], strict=True)
    return [
        Span(start, length, core_start, core_stop)
        for start, (core_start, core_stop) in zip(starts, cores, strict=True)
    ]


def cut(pixels: Pixels, tile: Tile) -> Pixels:
    """Cut the tile's part of `pixels` [height, width, channels]; reflect beyond the edge."""
    rows, columns = tile.rows, tile.columns
    inside = pixels[rows.start : rows.start + rows.length]
    inside = inside[:, columns.start : columns.start + columns.length]
    if inside.shape[:2] == tile.shape:
        return inside
    return pixels[np.ix_(_reflected(rows, pixels.shape[0]), _reflected(columns, pixels.shape[1]))]


def _reflected(span: Span, size: int) -> NDArray[np.intp]:
    """Return the indices of a span along an axis of `size`, reflected at either end."""
    indices = np.arange(span.start, span.start + span.length)
    if size == 1:
        return np.zeros_like(indices)
    indices %= 2 * (size - 1)
    return np.minimum(indices, 2 * (size - 1) - indices)


def stitch(result: Pixels, tile: Tile, values: Pixels) -> None:
    """Write the core of a processed tile [tile height, tile width, channels] into `result`."""
    result[tile.rows.core, tile.columns.core] = values[
        tile.rows.core_in_tile, tile.columns.core_in_tile
    ]


def cost(tiles: Iterable[Tile]) -> int:
    """Return the pixels that the network processes for `tiles`, halos included."""
    return sum(tile.size for tile in tiles)
