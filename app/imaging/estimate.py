"""How strong the noise was, judged by what was removed."""

import math

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels, to_unit

BLOCK = 8
"""Side of the blocks that are compared, in pixels."""

BLOCKS = 1 << 11
"""Blocks that the estimate looks at: more would cost time and change nothing."""

FLAT = 0.15
"""Share of the blocks, the flattest, that the answer is taken from."""


def estimate_sigma(noisy: Pixels, clean: Pixels) -> float:
    """The deviation, on the [0, 1] scale, of the Gaussian noise that made `noisy` of `clean`.

    Both are [height, width, channels], of one type and shape; `clean` is a network's result. Where
    there is texture, a network leaves part of the noise or takes part of the picture, so only the
    flattest blocks count; those that are all one colour, noise and all, were not noisy to begin
    with, such as a frame. Clipping at black and white hides part of the noise: the answer is the
    sigma whose clipped noise has the energy that was found. A picture without a flat block, or
    with noise that differs from place to place, has no one sigma, and gets that of its flattest.
    """
    x, c = _blocks(noisy), _blocks(clean)
    live = np.ptp(x, axis=(1, 2)) > 0
    if not live.any():
        return 0.0
    x, c = x[live], c[live]
    activity = c.var(axis=1).sum(axis=-1)
    flattest = np.argsort(activity, kind="stable")[: math.ceil(FLAT * len(activity))]
    x, c = x[flattest], c[flattest]
    energy = float(np.mean(np.square(x - c, dtype=np.float64)))
    counts = np.bincount(np.rint(c.ravel() * 255).astype(np.intp), minlength=256)
    levels, weights = np.arange(256) / 255, counts / c.size
    if energy >= _clipped_energy(_MOST, levels, weights):
        return _MOST
    low, high = 0.0, _MOST
    for _ in range(24):
        middle = (low + high) / 2
        if _clipped_energy(middle, levels, weights) < energy:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _blocks(pixels: Pixels) -> NDArray[np.float32]:
    """Blocks [n, pixels, channels] in [0, 1], evenly from all over; a tiny picture is one block."""
    height, width, channels = pixels.shape
    tall, wide = min(BLOCK, height), min(BLOCK, width)
    down, across = height // tall, width // wide
    step = max(1, math.isqrt(down * across // BLOCKS))
    grid = pixels[: down * tall, : across * wide].reshape(down, tall, across, wide, channels)
    some = grid[::step, :, ::step].swapaxes(1, 2)
    return to_unit(some.reshape(-1, tall * wide, channels))


_MOST = 1.0
_erf = np.vectorize(math.erf, otypes=[float])


def _clipped_energy(
    sigma: float, levels: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """E[(clip(c + sigma z, 0, 1) - c)^2] over levels c with the given weights; z is N(0, 1)."""
    low, high = -levels / sigma, (1 - levels) / sigma
    below, above = (1 + _erf(low / math.sqrt(2))) / 2, (1 - _erf(high / math.sqrt(2))) / 2
    tail = (high * np.exp(-(high**2) / 2) - low * np.exp(-(low**2) / 2)) / math.sqrt(2 * math.pi)
    inside = sigma**2 * (1 - above - below - tail)
    return float(weights @ (inside + levels**2 * below + (1 - levels) ** 2 * above))
