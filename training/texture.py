"""Give white noise the texture of real noise, and apply JPEG compression."""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.imaging.scale import Pixels

Plane = NDArray[np.float64]
Part = Literal["luma", "chroma"]

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue, BT.601."""

SHARPNESS = -0.75
"""The free parameter of cubic convolution, with the value that OpenCV and PyTorch use."""


def textured(white: Plane, blur: float, part: Part | None) -> Plane:
    """Blur white noise [h, w, channels] of deviation 1, or remove its luma, and keep its deviation.

    `blur` is the sigma of a Gaussian in pixels, 0 for none. "chroma" removes the luma (BT.601) of
    every pixel; the deviation is then that over the three channels. "luma" expects noise of a
    single plane, and changes nothing.
    """
    noise = white
    if blur:
        taps = _bell(blur)
        for axis in (0, 1):
            noise = _convolve(noise, taps, axis)
        noise = noise / np.square(taps).sum()  # of both axes: the root, twice
    if part == "chroma":
        luma = noise @ LUMA
        left = 1 / 3 + np.square(LUMA).sum()  # of the variance, as a mean over the channels
        noise = (noise - luma[..., None]) / np.sqrt(left)
    return noise


def enlarge(values: Plane, factor: int) -> Plane:
    """Enlarge `values` [h, w, channels] by `factor`, by cubic convolution.

    R. Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29(6),
    1981, with a = -0.75 and edges repeated. White noise keeps 0.853 of its deviation at factor 2.
    """
    if factor == 1:
        return values
    rows, columns = (_interpolation(length, factor) for length in values.shape[:2])
    enlarged: Plane = np.einsum("yh,hwc,xw->yxc", rows, values, columns, optimize=True)
    return enlarged


def through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Compress uint8 pixels [h, w, 1 or 3] as JPEG, with chroma halved (4:2:0), and decode them."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(
        buffer, "JPEG", quality=quality, subsampling="4:2:0"
    )
    with Image.open(buffer) as image:
        return np.asarray(image).reshape(pixels.shape)


def _bell(sigma: float) -> Plane:
    radius = max(1, int(np.ceil(4 * sigma)))
    bell: Plane = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / sigma))
    bell /= bell.sum()
    return bell


def _convolve(values: Plane, taps: Plane, axis: int) -> Plane:
    """Convolve `values` with symmetric `taps` along an axis, with reflected edges."""
    radius, length = len(taps) // 2, values.shape[axis]
    widths = [(radius, radius) if a == axis else (0, 0) for a in range(values.ndim)]
    padded = np.moveaxis(np.pad(values, widths, mode="symmetric"), axis, 0)
    result: Plane = sum(
        (tap * padded[start : start + length] for start, tap in enumerate(taps)),
        np.zeros_like(padded[:length]),
    )
    return np.moveaxis(result, 0, axis)


def _interpolation(length: int, factor: int) -> Plane:
    """Return the matrix [factor * length, length] that enlarges one axis."""
    places = (np.arange(factor * length) + 0.5) / factor - 0.5
    base = np.floor(places).astype(int)
    matrix = np.zeros((factor * length, length))
    for neighbour in range(-1, 3):
        index = base + neighbour
        weight = _cubic(np.abs(places - index))
        np.add.at(matrix, (np.arange(len(places)), index.clip(0, length - 1)), weight)
    return matrix


def _cubic(distance: Plane) -> Plane:
    a, d = SHARPNESS, distance
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d < 1, near, np.where(d < 2, far, 0.0))
