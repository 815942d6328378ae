"""Salt and pepper: pixels replaced by black or white."""

from typing import Any

import keras
from keras import ops

from training.noise.levels import to_8_bits
from training.noise.random import Random

FEW, MANY = (0.0, 0.12), (0.0, 0.45)
"""Ranges of the share of replaced pixels: for one half of the patches, and for the other."""


def salt_and_pepper(clean: Any, random: Random) -> Any:
    """Return patches [n, h, w, 3] in 8 bits with pixels replaced in all channels, half by white."""
    count = ops.shape(clean)[0]
    few, many = random.uniform(count, FEW), random.uniform(count, MANY)
    density = ops.where(random.chance(count, 0.5), few, many)
    shape = (*ops.shape(clean)[:3], 1)
    draw = keras.random.uniform(shape, seed=random.generator)
    lost = ops.where(draw < density, 1.0, to_8_bits(clean))
    return ops.where(draw < density / 2, 0.0, lost)
