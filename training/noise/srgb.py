"""Noise in the finished image of an unknown camera, depending on brightness."""

from typing import Any

from keras import ops

from training.noise.random import Random
from training.noise.settings import Camera


def srgb_residual(clean: Any, random: Random, settings: Camera) -> Any:
    """Return sqrt((a f(x))^2 + b^2) * N(0, 1) for patches [n, h, w, 3] in [0, 1].

    a and b, on the 0..255 scale, are log-uniform in `slope` and `offset`; f(x) is x, or sqrt(x (1 -
    0.8 x)), the result of a tone curve on shot noise, which is strongest below the middle. Channels
    are correlated by U(0, 0.9), or completely for a quarter of the patches.
    """
    count = clean.shape[0]
    slope = random.log_uniform(count, settings.slope) / 255.0
    offset = random.log_uniform(count, settings.offset) / 255.0
    some = random.uniform(count, (0.0, 0.9))
    together = ops.where(random.chance(count, 0.25), 1.0, some)
    own, common = random.normal(ops.shape(clean)), random.plane(clean)
    pattern = ops.sqrt(1 - together) * own + ops.sqrt(together) * common
    x = ops.clip(clean, 0.0, 1.0)
    by_level = ops.where(random.chance(count, 0.5), x, ops.sqrt(x * (1 - 0.8 * x)))
    return pattern * ops.sqrt(ops.square(slope * by_level) + ops.square(offset))
