"""Add noise of any kind to an image."""

from dataclasses import replace
from typing import Any

import numpy as np

from app.imaging.hidden import filled, hidden
from app.imaging.noise.camera import add_camera_noise
from app.imaging.noise.grain import add_grain
from app.imaging.noise.kinds import ChannelMode, NoiseKind
from app.imaging.noise.pointwise import add_pointwise
from app.imaging.picture import Picture, described
from app.imaging.range import choose
from app.imaging.scale import Pixels, is_plain

NO_NOISE = 1e-6
"""A smaller factor, less than a fifteenth of a 16-bit level, would change nothing."""


def noisy_picture(
    picture: Picture, factor: float, *, kind: NoiseKind, channels: ChannelMode, seed: int
) -> Picture:
    """Return the image with noise, recorded in its metadata; raise ValueError as `add_noise`."""
    noisy = add_noise(picture.pixels, factor, kind=kind, channels=channels, seed=seed)
    made = f"Noise added: {kind}, factor {factor:g}."
    return described(replace(picture, pixels=noisy), made)


def add_noise(
    pixels: Pixels,
    factor: float,
    *,
    kind: NoiseKind = NoiseKind.GAUSSIAN,
    channels: ChannelMode = ChannelMode.INDEPENDENT,
    seed: int,
) -> Pixels:
    """Add noise to `pixels` [height, width, channels], clipped to the range of their type.

    `factor` is on the [0, 1] scale whatever the type of `pixels`: uint8, uint16, or floats in [0,
    1]; for other numbers it is a share of the range that they fill. Integers are rounded to
    nearest. The same arguments give the same result. Raises ValueError for a factor outside [0, 1].
    """
    if not 0.0 <= factor <= 1.0:
        raise ValueError(f"factor must be between 0 and 1, not {factor}")
    if factor < NO_NOISE:
        return pixels.copy()
    if not is_plain(pixels):
        return _add_in_own_range(pixels, factor, kind=kind, channels=channels, seed=seed)
    shared = channels is ChannelMode.SHARED
    if kind is NoiseKind.CAMERA:
        return add_camera_noise(pixels, factor, shared=shared, seed=seed)
    if kind is NoiseKind.GRAIN:
        return add_grain(pixels, factor, seed=seed)
    return add_pointwise(pixels, factor, kind=kind, shared=shared, seed=seed)


def _add_in_own_range(pixels: Pixels, factor: float, **options: Any) -> Pixels:
    """Add noise in the range of the samples; those that are not finite stay as they are."""
    mask = hidden(pixels, None)
    seen = pixels if mask is None else filled(pixels, mask)
    bounds = choose("auto", seen)
    noisy = bounds.from_unit(add_noise(bounds.to_unit(seen), factor, **options), seen)
    return noisy if mask is None else np.where(mask, pixels, noisy)
