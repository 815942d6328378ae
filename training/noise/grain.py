"""Film grain: clumps of silver, one to three pixels in size in a scan, in luma alone."""

from typing import Any

from keras import ops

from training.noise.colour import to_ycc
from training.noise.filters import blur, deviation
from training.noise.random import Random
from training.noise.settings import Camera

SIZES = (0.5, 0.8, 1.1, 1.6)
"""Blurs in pixels; unblurred white noise comes before the first."""


def grain_residual(clean: Any, random: Random, settings: Camera) -> Any:
    """Return grain for patches [n, h, w, 3] in [0, 1], the same in the three channels of each.

    It interpolates between two neighbours among white noise and its blurs of SIZES. The deviation
    at mid grey, on the 0..255 scale, is log-uniform in `grain_sigma`. It is the same at every
    brightness for 40% of the patches, proportional to 2 sqrt(y (1 - y)) for 40%, as if each grain
    were there or not (a binomial), and to sqrt(y (1 - 0.8 y) / 0.3) for the rest.
    """
    count = clean.shape[0]
    luma = ops.clip(to_ycc(clean)[0], 0.0, 1.0)
    plane = random.plane(clean)
    steps = [_unit(plane), *(_unit(blur(plane, size)) for size in SIZES)]
    place = random.uniform(count, (0.0, float(len(SIZES))))
    near = [ops.maximum(0.0, 1 - ops.abs(place - index)) for index in range(len(steps))]
    pattern = _unit(sum(weight * step for weight, step in zip(near, steps, strict=True)))
    which = random.uniform(count, (0.0, 1.0))
    binomial = 2 * ops.sqrt(luma * (1 - luma) + 1e-6)
    developed = ops.sqrt(ops.maximum(luma * (1 - 0.8 * luma), 0.0) / 0.3)
    by_level = ops.where(which < 0.4, 1.0, ops.where(which < 0.8, binomial, developed))
    sigma = random.log_uniform(count, settings.grain_sigma) / 255.0
    return sigma * by_level * pattern * ops.ones_like(clean)


def _unit(pattern: Any) -> Any:
    return pattern / deviation(pattern)
