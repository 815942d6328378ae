"""Convert pixels of any type to one scale, where 0 is black and 1 is white, and back."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]
Mask = NDArray[np.bool_]


BAND = 1 << 16
"""Samples that are converted to floats at a time, so that they stay in the processor's cache."""


def bands(pixels: Pixels) -> Iterator[slice]:
    """Return slices of the rows of `pixels` [height, ...], of at most BAND samples or one row."""
    rows = max(1, BAND * len(pixels) // pixels.size)
    return (slice(top, top + rows) for top in range(0, len(pixels), rows))


def white(dtype: np.dtype[Any]) -> float:
    """Return the value of white in pixels of `dtype`: 255, 65535, or 1 for floats."""
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0


def limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the least and the greatest integer of `dtype`."""
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def precise(dtype: np.dtype[Any]) -> np.dtype[np.floating[Any]]:
    """Return a floating-point type that distinguishes all values of `dtype`, with room to spare."""
    return np.dtype(np.float32 if dtype.kind != "f" and dtype.itemsize <= 2 else np.float64)


def to_type(values: NDArray[np.floating[Any]], dtype: np.dtype[Any]) -> Pixels:
    """Convert values to `dtype`: clipped to its range, and rounded for integers."""
    if dtype.kind == "f":
        greatest = np.finfo(dtype).max
        floats: Pixels = np.clip(values, -greatest, greatest).astype(dtype, copy=False)
        return floats
    rounded = np.rint(values)
    integers: Pixels = np.clip(rounded, *limits(dtype), out=rounded).astype(dtype)
    return integers


def is_plain(pixels: Pixels) -> bool:
    """Return whether pixels are on the scale of their type: 8 or 16 bits, or floats in [0, 1]."""
    if pixels.dtype.kind == "f":
        return bool(pixels.min() >= 0 and pixels.max() <= 1)  # false for NaN
    return pixels.dtype in (np.uint8, np.uint16)


def to_unit(pixels: Pixels) -> NDArray[np.float32]:
    """Return `pixels` as float32 on the [0, 1] scale."""
    unit: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(white(pixels.dtype))
    return unit


def from_unit(values: NDArray[np.floating[Any]], dtype: np.dtype[Any]) -> Pixels:
    """Convert values on the [0, 1] scale to `dtype`: clipped, and rounded for integers."""
    clipped = np.clip(values, 0.0, 1.0)
    if np.issubdtype(dtype, np.integer):
        clipped = np.rint(clipped * white(dtype))
    pixels: Pixels = clipped.astype(dtype)
    return pixels
