"""Make textured noise tile by tile, so that the result does not depend on the tiling."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.imaging.noise.plane import Plane
from app.imaging.scale import Pixels, to_unit

SIDE = 384
"""Side of a tile in pixels: large compared with its halo, small enough for the cache."""

BLOCK = 64
"""Side of the squares that each have a random generator of their own."""


@dataclass(frozen=True)
class Tile:
    """A part of an image, with its surroundings and its random numbers."""

    area: tuple[slice, slice]
    """Its rows and columns."""
    clean: Plane
    """Its pixels on the [0, 1] scale with a halo: [channels, h + 2 halo, w + 2 halo]."""
    normal: Plane
    """N(0, 1) for each of these pixels: [h + 2 halo, w + 2 halo]."""


def tiles(pixels: Pixels, *, halo: int, seed: int, side: int | None = None) -> Iterator[Tile]:
    """Yield the tiles of an image [height, width, channels], whose border pixels are repeated.

    The random number of a pixel depends on the seed and its position, not on the tile. `side` is an
    even number, SIDE by default.
    """
    side = side or SIDE
    height, width, _ = pixels.shape
    for top in range(0, height, side):
        for left in range(0, width, side):
            bottom, right = min(top + side, height), min(left + side, width)
            rows = np.clip(np.arange(top - halo, bottom + halo), 0, height - 1)
            columns = np.clip(np.arange(left - halo, right + halo), 0, width - 1)
            normal = draw(seed, top, left, len(rows), len(columns))
            area = slice(top, bottom), slice(left, right)
            clean = to_unit(np.moveaxis(pixels[rows[:, None], columns], -1, 0))
            yield Tile(area, np.ascontiguousarray(clean), normal)


def draw(seed: int, top: int, left: int, height: int, width: int) -> Plane:
    """Draw a window [height, width] of the endless plane of N(0, 1) given by the seed.

    `top` and `left` are at least 0.
    """
    window = np.empty((height, width), np.float32)
    for row in range(top // BLOCK, (top + height - 1) // BLOCK + 1):
        for column in range(left // BLOCK, (left + width - 1) // BLOCK + 1):
            sequence = np.random.SeedSequence(seed, spawn_key=(row, column))
            random = np.random.Generator(np.random.SFC64(sequence))
            block = random.standard_normal((BLOCK, BLOCK), np.float32)
            y, x = row * BLOCK - top, column * BLOCK - left  # of the block, in the window
            part = block[max(0, -y) : height - y, max(0, -x) : width - x]
            y, x = max(0, y), max(0, x)
            window[y : y + part.shape[0], x : x + part.shape[1]] = part
    return window


def mean_products(fields: Iterable[Plane]) -> NDArray[np.float64]:
    """Return the mean products [n, n], over all pixels, of the components of fields [n, h, w]."""
    total, count = np.zeros(()), 0
    for field in fields:
        flat = field.reshape(len(field), -1).astype(np.float64)
        total, count = total + flat @ flat.T, count + flat.shape[1]
    return np.asarray(total / count)
