"""Banding: sensor rows that are read out slightly too bright or too dark."""

from typing import Any

from keras import ops

from training.noise.random import Random

STRONGEST = 0.4
"""Largest standard deviation of the banding, as a share of that of the noise."""


def lines(residual: Any, random: Random) -> Any:
    """Return an offset for each row of the noise [n, h, w, 3], shared by channels: [n, h, 1, 1].

    Its deviation is that of the noise times U(0, STRONGEST).
    """
    count, height = residual.shape[:2]
    rows = random.normal((count, height, 1, 1))
    strength = ops.sqrt(ops.mean(ops.square(residual), axis=(1, 2, 3), keepdims=True))
    return rows * random.uniform(count, (0.0, STRONGEST)) * strength
