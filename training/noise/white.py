"""White Gaussian noise: independent from pixel to pixel, the same at every brightness."""

from typing import Any

import numpy as np
from keras import ops

from training.noise.colour import is_grey
from training.noise.impulse import salt_and_pepper
from training.noise.levels import to_8_bits
from training.noise.random import Random
from training.noise.rician import magnitude
from training.noise.settings import White


def white(clean: Any, random: Random, settings: White) -> Any:
    """Return clean patches [n, h, w, 3] in [0, 1] plus sigma * N(0, 1), with a sigma per patch.

    The three channels of a grey patch get the same noise, as in a grey image; so do those of the
    share `shared` of the others. Of grey patches, the share `rician` gets Rician noise instead. The
    share `clipped` is clipped and rounded to 8 bits, as images reach the service; the rest keeps
    the raw sum, as in the published tables. The share `impulse` has salt and pepper instead.
    """
    count = ops.shape(clean)[0]
    sigma, grey = _sigma(count, random, settings), is_grey(clean)
    shared = ops.logical_or(grey, random.chance(count, settings.shared))
    noisy = clean + sigma * _pattern(clean, shared, random, settings)
    if settings.rician:
        some = ops.logical_and(grey, random.chance(count, settings.rician))
        noisy = ops.where(some, magnitude(noisy, sigma, random), noisy)
    noisy = ops.where(random.chance(count, settings.clipped), to_8_bits(noisy), noisy)
    if settings.impulse:
        some = random.chance(count, settings.impulse)
        noisy = ops.where(some, salt_and_pepper(clean, random), noisy)
    return noisy


def _sigma(count: Any, random: Random, settings: White) -> Any:
    """Return a sigma per patch, on the [0, 1] scale: [n, 1, 1, 1]."""
    low, high = random.uniform(count, settings.low), random.uniform(count, settings.high)
    sigma = ops.where(random.chance(count, settings.high_share), high, low) / 255.0
    return ops.where(random.chance(count, settings.clean_share), 0.0, sigma)


def _pattern(clean: Any, shared: Any, random: Random, settings: White) -> Any:
    """Return N(0, 1) for every value, or for every pixel if the channels share one plane."""
    if settings.fixed:
        # The legacy generator, which evaluation uses with seed 0.
        return np.random.RandomState(0).standard_normal((1, *clean.shape[1:3], 1)).astype("float32")
    return ops.where(shared, random.plane(clean), random.normal(ops.shape(clean)))
