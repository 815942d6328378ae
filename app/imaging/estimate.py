"""How strong the noise was, judged by what was removed."""

import math

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels, to_unit

SAMPLES = 1 << 18
"""Values that the estimate looks at: more would cost time and change nothing."""


def estimate_sigma(noisy: Pixels, clean: Pixels) -> float:
    """The deviation, on the [0, 1] scale, of the Gaussian noise that made `noisy` of `clean`.

    Both are [height, width, channels], of one type and shape. Clipping at black and white hides
    part of the noise, so the plain deviation of the difference is too low for dark and bright
    pictures: the answer is the sigma whose clipped noise has the energy that was found.
    """
    step = max(1, math.isqrt(noisy.shape[0] * noisy.shape[1] * noisy.shape[2] // SAMPLES))
    x, c = to_unit(noisy[::step, ::step]), to_unit(clean[::step, ::step])
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
