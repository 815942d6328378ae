"""Noise as it remains in images of cameras and phones: smoothed, and stored as JPEG."""

from typing import Any

from keras import ops

from training.noise.casts import local_mean
from training.noise.colour import is_grey, to_ycc
from training.noise.grain import grain_residual
from training.noise.jpeg import jpeg
from training.noise.levels import to_8_bits
from training.noise.lines import lines
from training.noise.random import Random
from training.noise.sensor import sensor_residual
from training.noise.settings import Camera
from training.noise.smoothing import smoothed
from training.noise.srgb import srgb_residual


def camera(clean: Any, random: Random, settings: Camera) -> tuple[Any, Any]:
    """Return noisy patches and their targets, given clean patches [n, h, w, 3] in [0, 1].

    The noise is added to the clean patch as a residual, so that targets stay sharp. With
    `keep_casts`, targets keep the local mean of the noise, so that networks do not shift colours.
    """
    count = clean.shape[0]
    residual = camera_residual(clean, random, settings)
    noisy = ops.clip(clean + residual, 0.0, 1.0)
    target = clean + local_mean(noisy - clean) if settings.keep_casts else clean
    stored = jpeg(noisy, random, settings.quality)
    noisy = ops.where(random.chance(count, settings.jpeg), stored, noisy)
    rounded = random.chance(count, settings.rounded)
    return ops.where(rounded, to_8_bits(noisy), noisy), target


def camera_residual(clean: Any, random: Random, settings: Camera) -> Any:
    """Return the noise alone, before clipping; it is grey for grey patches."""
    count = clean.shape[0]
    sensor, srgb = (f(clean, random, settings) for f in (sensor_residual, srgb_residual))
    residual = ops.where(random.chance(count, settings.sensor), sensor, srgb)
    smooth = smoothed(residual, random, settings)
    residual = ops.where(random.chance(count, settings.smoothed), smooth, residual)
    if settings.lines:
        drawn = ops.where(random.chance(count, settings.lines), lines(residual, random), 0.0)
        residual = residual + drawn
    if settings.grain:
        grain = grain_residual(clean, random, settings)
        residual = ops.where(random.chance(count, settings.grain), grain, residual)
    residual = ops.where(is_grey(clean), to_ycc(residual)[0], residual)
    return ops.where(random.chance(count, settings.clean_share), 0.0, residual)
