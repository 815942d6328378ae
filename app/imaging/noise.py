"""The noise models, shared by the endpoint, the command line and the training package's evaluation."""

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
Plane = NDArray[np.float32]

BAND = 1 << 20
"""Values drawn at a time: bounds the memory that noise for a large picture takes."""


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
    if factor == 0.0:
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


def white(dtype: np.dtype[Any]) -> float:
    """The value of white in pixels of `dtype`: 255, 65535, or 1 for floats."""
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0


def to_unit(pixels: Pixels) -> Plane:
    """`pixels` as float32 on the [0, 1] scale."""
    return pixels.astype(np.float32) / np.float32(white(pixels.dtype))


def from_unit(values: NDArray[np.floating[Any]], dtype: np.dtype[Any]) -> Pixels:
    """Values on the [0, 1] scale as pixels of `dtype`, clipped, and rounded if they are integers."""
    clipped = np.clip(values, 0.0, 1.0)
    if np.issubdtype(dtype, np.integer):
        clipped = np.rint(clipped * white(dtype))
    return clipped.astype(dtype)


_Shape = tuple[int, int, int]


def _gaussian(x: Plane, factor: float, shape: _Shape, random: np.random.Generator) -> Plane:
    return x + np.float32(factor) * random.standard_normal(shape, np.float32)


def _poisson(x: Plane, factor: float, shape: _Shape, random: np.random.Generator) -> Plane:
    photons = 1.0 / (factor * factor)
    rate = x if shape[-1] == x.shape[-1] else x.mean(axis=-1, keepdims=True)
    return (x + random.poisson(rate * photons) / photons - rate).astype(np.float32)


def _rician(x: Plane, factor: float, shape: _Shape, random: np.random.Generator) -> Plane:
    real = _gaussian(x, factor, shape, random)
    return np.hypot(real, np.float32(factor) * random.standard_normal(shape, np.float32))


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
    share, edges = np.histogram(c, bins=64, range=(0.0, 1.0))
    levels, weights = (edges[:-1] + edges[1:]) / 2, share / share.sum()
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
_normal = np.vectorize(math.erf, otypes=[float])


def _clipped_energy(
    sigma: float, levels: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """E[(clip(c + sigma z, 0, 1) - c)^2] over levels c with the given weights; z is N(0, 1)."""
    low, high = -levels / sigma, (1 - levels) / sigma
    below, above = _normal(low / math.sqrt(2)) / 2 + 0.5, 0.5 - _normal(high / math.sqrt(2)) / 2
    tail = (high * np.exp(-(high**2) / 2) - low * np.exp(-(low**2) / 2)) / math.sqrt(2 * math.pi)
    inside = sigma**2 * (1 - above - below - tail)
    return float(weights @ (inside + levels**2 * below + (1 - levels) ** 2 * above))
