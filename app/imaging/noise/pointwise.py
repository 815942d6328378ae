"""Noise that is drawn for each pixel independently of its neighbours."""

from collections.abc import Callable

import numpy as np

from app.imaging.noise.kinds import NoiseKind
from app.imaging.noise.plane import Plane
from app.imaging.scale import Pixels, from_unit, to_unit

BAND = 1 << 20
"""Values drawn at a time, which bounds the memory for a large image."""


def add_pointwise(
    pixels: Pixels, factor: float, *, kind: NoiseKind, shared: bool, seed: int
) -> Pixels:
    """Add noise of a `kind` in `MODELS` to `pixels` [height, width, channels].

    `shared` noise is one plane for all channels; `factor` is as NoiseKind defines it.
    """
    noisy = pixels.copy()
    random = np.random.default_rng(seed)
    corrupt = MODELS[kind]
    rows = max(1, BAND // (pixels.shape[1] * pixels.shape[2]))
    for top in range(0, pixels.shape[0], rows):
        band = to_unit(pixels[top : top + rows])
        planes = 1 if shared else band.shape[-1]
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


MODELS: dict[NoiseKind, Callable[[Plane, float, _Shape, np.random.Generator], Plane]] = {
    NoiseKind.GAUSSIAN: _gaussian,
    NoiseKind.POISSON: _poisson,
    NoiseKind.RICIAN: _rician,
    NoiseKind.SPECKLE: _speckle,
    NoiseKind.SALT_PEPPER: _salt_pepper,
}
