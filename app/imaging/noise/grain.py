"""Film grain: silver crystals, too small to be told apart."""

import numpy as np

from app.imaging.noise.colour import luma
from app.imaging.noise.filters import blur, gaussian, inner, reach
from app.imaging.noise.plane import Plane
from app.imaging.noise.tiles import Tile, mean_products, tiles
from app.imaging.scale import Pixels, from_unit

SIZE = 1.0
"""Standard deviation of the blur that gives grains their size, in pixels."""
REACH = reach(SIZE)

MID_GREY = float(np.sum(np.square(gaussian(SIZE))))
"""Standard deviation of `grain` at mid grey: what the blur leaves of N(0, 1)."""
MOST = 10.0
"""The most times `factor` that the deviation at mid grey may be, if black and white prevail."""


def grain(clean: Plane, normal: Plane) -> Plane:
    """Return grain [1, h - 6, w - 6] for an image [1 or 3, h, w], to be added to all its channels.

    It is N(0, 1) [h, w], blurred, times 2 * sqrt(y * (1 - y)) of the luma y: the number of black
    crystals varies most where half of them are black (the standard deviation of a binomial).
    """
    y = np.clip(luma(inner(clean, REACH)), 0.0, 1.0)
    weight: Plane = 2 * np.sqrt(y * (1 - y))
    return weight * blur(normal, SIZE)


def add_grain(pixels: Pixels, factor: float, *, seed: int) -> Pixels:
    """Add grain to `pixels` [height, width, 1 or 3], the same in all channels.

    `factor` is the overall standard deviation before clipping. Black and white have no grain, so an
    image of these alone is returned unchanged, and one with little else gets less than `factor`.
    """

    def noise(tile: Tile) -> Plane:
        return grain(tile.clean, tile.normal)

    ((variance,),) = mean_products(map(noise, tiles(pixels, halo=REACH, seed=seed)))
    gain = np.float32(factor / max(np.sqrt(variance), MID_GREY / MOST))
    noisy = np.empty_like(pixels)
    for tile in tiles(pixels, halo=REACH, seed=seed):
        result = inner(tile.clean, REACH) + gain * noise(tile)
        noisy[tile.area] = from_unit(np.moveaxis(result, 0, -1), pixels.dtype)
    return noisy
