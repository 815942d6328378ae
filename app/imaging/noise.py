"""The noise models: what `/noise` adds, and what models are measured with."""

from collections.abc import Callable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.imaging.scale import Pixels, from_unit, to_unit

Plane = NDArray[np.float32]

BAND = 1 << 20
"""Values drawn at a time: bounds the memory that noise for a large picture takes."""

NO_NOISE = 1e-6
"""A factor below this, a fifteenth of a 16-bit level, changes nothing."""


class NoiseKind(StrEnum):
    """What a sensor or a channel does to a picture; `factor` scales each as its entry says."""

    GAUSSIAN = "gaussian"
    """x + factor * N(0, 1)"""
    POISSON = "poisson"
    """Shot noise of 1 / factor^2 photons at white: its deviation is factor * sqrt(x)."""
    RICIAN = "rician"
    """The magnitude of a complex signal with N(0, factor^2) in both parts, as in MRI."""
    SPECKLE = "speckle"
    """x + x * factor * N(0, 1), as in ultrasound and radar"""
    SALT_PEPPER = "salt-pepper"
    """A share `factor` of the pixels is replaced, half by black and half by white."""


class ChannelMode(StrEnum):
    """Whether each colour channel draws its own noise or all share one plane."""

    INDEPENDENT = "independent"
    SHARED = "shared"


def add_noise(
    pixels: Pixels,
    factor: float,
    *,
    kind: NoiseKind = NoiseKind.GAUSSIAN,
    channels: ChannelMode = ChannelMode.INDEPENDENT,
    seed: int,
) -> Pixels:
    """`pixels` [height, width, channels] with noise, clipped to the range of its type.

    `factor` is on the [0, 1] scale whatever the type of `pixels`: uint8, uint16, or float32 in
    [0, 1]. Integers are rounded to nearest. The same arguments give the same result.
    Raises ValueError for a factor outside [0, 1].
    """
    if not 0.0 <= factor <= 1.0:
        raise ValueError(f"factor must be between 0 and 1, not {factor}")
    noisy = pixels.copy()
    if factor < NO_NOISE:
        return noisy
    random = np.random.default_rng(seed)
    corrupt = _MODELS[kind]
    rows = max(1, BAND // (pixels.shape[1] * pixels.shape[2]))
    for top in range(0, pixels.shape[0], rows):
        band = to_unit(pixels[top : top + rows])
        planes = 1 if channels is ChannelMode.SHARED else band.shape[-1]
        noisy[top : top + rows] = from_unit(
            corrupt(band, factor, (*band.shape[:2], planes), random), pixels.dtype
        )
    return noisy


_Shape = tuple[int, int, int]


def _gaussian(x: Plane, factor: float, shape: _Shape, random: np.random.Generator) -> Plane:
    return x + np.float32(factor) * random.standard_normal(shape, np.float32)


def _poisson(x: Plane, factor: float, shape: _Shape, random: np.random.Generator) -> Plane:
    photons = 1.0 / (factor * factor)
    rate = x if shape[-1] == x.shape[-1] else x.mean(axis=-1, keepdims=True)
    return (x + random.poisson(rate * photons) / photons - rate).astype(np.float32)


def _rician(x: Plane, factor: float, shape: _Shape, random: np.random.Generator) -> Plane:
    real = _gaussian(x, factor, shape, random)
    imaginary = np.float32(factor) * random.standard_normal(shape, np.float32)
    magnitude: Plane = np.hypot(real, imaginary)
    return magnitude


def _speckle(x: Plane, factor: float, shape: _Shape, random: np.random.Generator) -> Plane:
    return x + x * np.float32(factor) * random.standard_normal(shape, np.float32)


def _salt_pepper(x: Plane, factor: float, shape: _Shape, random: np.random.Generator) -> Plane:
    draw = random.random(shape, np.float32)
    return np.where(draw < factor / 2, 0.0, np.where(draw < factor, 1.0, x)).astype(np.float32)


_MODELS: dict[NoiseKind, Callable[[Plane, float, _Shape, np.random.Generator], Plane]] = {
    NoiseKind.GAUSSIAN: _gaussian,
    NoiseKind.POISSON: _poisson,
    NoiseKind.RICIAN: _rician,
    NoiseKind.SPECKLE: _speckle,
    NoiseKind.SALT_PEPPER: _salt_pepper,
}
