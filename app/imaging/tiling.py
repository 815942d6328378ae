"""Cut images into tiles of a few fixed shapes, and stitch the results together.

A tile is larger than the part of the result that it fills, its core: the halo between the two is
context, wide enough for the core to be the same as if the whole image were processed at once. The
edges of the image need no halo, since nothing lies beyond.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from app.imaging.orientation import UPRIGHT, is_transposed
from app.imaging.scale import Pixels

THIN = 8
"""The least side of a tile, used only for images up to half as long.

A thin image that is reflected more often than necessary becomes stripes, which a network keeps: 3
rows with white noise of sigma 15 come out at 37 dB in a tile of 8 rows, and at 26 in one of 64.
"""

SIDES = (THIN, 16, 32, *range(64, 512, 64), *range(512, 4097, 32))
"""Sides that a tile may have. Small ones are few, so that images of many sizes share batches; large
ones have fine steps, so that little is wasted on padding. Steps finer than 32 would cost more than
they save: convolutions in bfloat16 then take a tenth longer.
"""

MOST = 2112**2
"""The most pixels of a tile, for which the network takes less than two seconds on two cores."""

TILE_COST = 28_000
"""The fixed cost of a tile, in pixels: about 7 ms, when a megapixel takes 260 ms."""

WIDE = 20_000
"""Width at which a pixel of a tile counts twice: long rows leave the processor's cache before the
convolution of the next row needs them; `benchmarks.pages` times 3008x1440 and 1440x3008 pixels.
"""


@dataclass(frozen=True, slots=True)
class Span:
    """One axis of a tile, which covers `start` to `start + length` and fills the core."""

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

    `plane` is the number of the plane across `axis`, counted through all volumes; axis 0 is that of
    frames. `orientation` is that in which the network sees the tile (`app.imaging.orientation`).
    """

    rows: Span
    columns: Span
    axis: int = 0
    plane: int = 0
    orientation: int = UPRIGHT

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width as the network sees them."""
        shape = self.rows.length, self.columns.length
        return shape[::-1] if is_transposed(self.orientation) else shape

    @property
    def size(self) -> int:
        """Pixels, halo included."""
        return self.rows.length * self.columns.length


def most_within(pixels: float, *, halo: int) -> int:
    """Return the most pixels of a tile: `pixels`, or MOST if less, unless a halo requires more."""
    return max(min(int(pixels), MOST), (4 * halo + 128) ** 2)


@lru_cache(maxsize=256)
def plan(
    height: int,
    width: int,
    *,
    halo: int,
    stride: int,
    most: int = MOST,
    sides: tuple[int, ...] = SIDES,
) -> tuple[Tile, ...]:
    """Plan tiles of one shape whose cores cover `height` x `width` pixels once each, row by row.

    Of all shapes with sides in `sides` and at most `most` pixels, the one of least cost is chosen.
    Tiles start at multiples of `stride`, the factor by which the network reduces its input, so that
    every tile sees the image in the same phase; only sides that are multiples of it are used. At
    the border of two cores, both tiles extend at least `halo` pixels beyond it.
    """
    lengths = np.array([side for side in sides if side % stride == 0], np.int64)
    down, across = (
        np.array([_count(size, int(length), halo, stride) for length in lengths], np.int64)
        for size in (height, width)
    )
    sizes, counts = np.outer(lengths, lengths), np.outer(down, across)
    costs = counts * (sizes * (1 + lengths / WIDE) + TILE_COST)
    costs[(counts == 0) | (sizes > most)] = np.inf
    row, column = np.unravel_index(costs.argmin(), costs.shape)
    rows = _spans(height, int(lengths[row]), int(down[row]), stride)
    columns = _spans(width, int(lengths[column]), int(across[column]), stride)
    return tuple(Tile(r, c) for r, c in product(rows, columns))


def _count(size: int, length: int, halo: int, stride: int) -> int:
    """Return how many spans of `length` cover `size` pixels; 0 if the length is unsuitable."""
    if size <= length:
        return int(length > THIN or 2 * size <= THIN)
    step = (length - 2 * halo) // stride * stride
    # without room for a core beside both halos, there is no step
    return 1 + -(-(size - length) // step) if step > 0 else 0


def _spans(size: int, length: int, count: int, stride: int) -> list[Span]:
    """Return `count` spans of `length` that cover `size` pixels."""
    if count == 1:
        return [Span(0, length, 0, size)]
    # The last tile ends where the image does, rounded up to the stride; the rest are spread
    # evenly, which widens every halo at no cost.
    last = -(-(size - length) // stride) * stride
    starts = [round(i * last / (count - 1) / stride) * stride for i in range(count)]
    borders = [(a + length + b) // 2 for a, b in pairwise(starts)]
    cores = zip([0, *borders], [*borders, size], strict=True)
    return [
        Span(start, length, core_start, core_stop)
        for start, (core_start, core_stop) in zip(starts, cores, strict=True)
    ]


def cut(pixels: Pixels, tile: Tile) -> Pixels:
    """Cut a tile from `pixels` [height, width, channels], upright, reflected beyond the edges."""
    rows, columns = tile.rows, tile.columns
    shape = rows.length, columns.length
    inside = pixels[rows.start : rows.start + rows.length]
    inside = inside[:, columns.start : columns.start + columns.length]
    if inside.shape[:2] == shape:
        return inside
    # Only pixels beyond the edge are copied by index, which takes ten times as long.
    down, across = _reflected(rows, pixels.shape[0]), _reflected(columns, pixels.shape[1])
    height, width, channels = inside.shape
    part = np.empty((*shape, channels), pixels.dtype)
    part[:height, :width] = inside
    part[:height, width:] = pixels[rows.start : rows.start + height, across[width:]]
    part[height:] = pixels[np.ix_(down[height:], across)]
    return part


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
