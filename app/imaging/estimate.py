"""How strong the noise was, judged by what was removed."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels, to_unit

BLOCK = 8
"""Side of the blocks that are compared, in pixels."""

BLOCKS = 1 << 9
"""Blocks that the estimate looks at: more would cost time and change nothing."""

FLAT = 0.25
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
    activity = _activity(c)
    flattest = np.argsort(activity, kind="stable")[: math.ceil(FLAT * len(activity))]
    x, c = x[flattest], c[flattest]
    energy = float(np.mean(np.square(x - c, dtype=np.float64)))
    counts = np.bincount(np.rint(c.ravel() * 255).astype(np.intp), minlength=256)
    sigmas, energies = _clipped_energies()
    return float(np.interp(energy, energies @ (counts / c.size), sigmas))


def _blocks(pixels: Pixels) -> NDArray[np.float32]:
    """Blocks [n, pixels, channels] in [0, 1], evenly from all over; a tiny picture is one block."""
    height, width, channels = pixels.shape
    tall, wide = min(BLOCK, height), min(BLOCK, width)
    down, across = height // tall, width // wide
    step = math.ceil(math.sqrt(down * across / BLOCKS))
    grid = pixels[: down * tall, : across * wide].reshape(down, tall, across, wide, channels)
    some = grid[::step, :, ::step].swapaxes(1, 2)
    return to_unit(some.reshape(-1, tall * wide, channels))


def _activity(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The energy [n] of each block about its mean colour."""
    mean = np.full(blocks.shape[1], 1 / blocks.shape[1], np.float32) @ blocks
    deviation = (blocks - mean[:, None]).reshape(len(blocks), -1)
    energy: NDArray[np.float32] = np.einsum("ni,ni->n", deviation, deviation)
    return energy


@cache
def _clipped_energies() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sigmas from 0 to 1, and E[(clip(c + sigma z, 0, 1) - c)^2] for each and each 8-bit level c.

    z is N(0, 1); the second is [sigmas, 256]. Between two of the sigmas, 3% apart, the energy is
    as good as straight.
    """
    sigmas = np.geomspace(1e-3, 1.0, 256)[:, None]
    levels = np.arange(256) / 255
    low, high = -levels / sigmas, (1 - levels) / sigmas
    below, above = (1 + _erf(low / math.sqrt(2))) / 2, (1 - _erf(high / math.sqrt(2))) / 2
    tail = (high * np.exp(-(high**2) / 2) - low * np.exp(-(low**2) / 2)) / math.sqrt(2 * math.pi)
    inside = sigmas**2 * (1 - above - below - tail)
    energies = inside + levels**2 * below + (1 - levels) ** 2 * above
    return np.append(0.0, sigmas), np.vstack([np.zeros(256), energies])


_erf = np.vectorize(math.erf, otypes=[float])
