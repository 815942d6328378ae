"""Show what was removed from a picture, as a picture of its own."""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.imaging.formats.nifti.head import of_differences
from app.imaging.picture import Change, Format, Picture
from app.imaging.scale import Pixels, precise

Wanted = Literal["image", "residual", "sigma-map"]
"""What to return: the denoised picture, the noise that was removed, or a map of its strength."""

REACH = 8
"""How far around a pixel its noise is measured: in a square of 2 * REACH + 1 pixels a side."""


def shown(original: Picture, result: Picture, wanted: Wanted) -> Picture:
    """Return the wanted picture, given the `original` and the denoised `result`.

    `residual` is original - result, in 32-bit floats and in the units and the direction of the
    values as stored; `sigma-map` is its root mean square within REACH of each pixel of a frame.
    Neither has alpha or a profile. For a grey NIfTI, both are NIfTI of the same geometry; for
    anything else, TIFF.
    """
    if wanted == "image":
        return result
    pixels = _difference(original.pixels, result.pixels)
    if original.metadata.negative is not None:
        np.negative(pixels, out=pixels)
    if wanted == "sigma-map":
        for frame in np.split(pixels, original.stack.frames):  # which are views
            frame[...] = _deviation(frame)
    native: tuple[bytes, ...] = ()
    is_nifti = original.format in (Format.NIFTI, Format.NIFTI_GZ) and pixels.shape[-1] == 1
    if is_nifti and original.metadata.native:
        before, behind = original.metadata.native
        native = of_differences(before), behind
    return replace(
        result,
        pixels=pixels,
        alpha=None,
        extra=None,
        format=original.format if is_nifti else Format.TIFF,
        metadata=replace(
            result.metadata, icc=None, colour=(), native=native, negative=None, white=None
        ),
        changes=result.changes | {Change.DEPTH},
    )


def _difference(original: Pixels, result: Pixels) -> NDArray[np.float32]:
    """Subtract row by row, which is exact for large integers and bounds the memory."""
    found, kind = np.empty(original.shape, np.float32), precise(original.dtype)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite less infinite; beyond a float
        for row, before, after in zip(found, original, result, strict=True):
            row[...] = np.subtract(before, after, dtype=kind)
    np.nan_to_num(found, copy=False, nan=0.0, posinf=0.0, neginf=0.0)  # where there was no number
    return found


def _deviation(frame: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the root mean square around each pixel, within the frame."""
    squares = np.square(frame, dtype=np.float64)
    for axis in (0, 1):
        length = squares.shape[axis]
        first = np.maximum(np.arange(length) - REACH, 0)
        last = np.minimum(np.arange(length) + REACH + 1, length)
        sums = np.insert(np.cumsum(squares, axis), 0, 0, axis)
        counts = np.expand_dims(last - first, tuple({0, 1, 2} - {axis}))
        squares = (sums.take(last, axis) - sums.take(first, axis)) / counts
    return np.sqrt(np.maximum(squares, 0))
