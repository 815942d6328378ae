"""Colour spaces of a DICOM other than RGB: PS3.3, C.7.6.3.1.2."""

import numpy as np

from app.imaging.samples import Samples
from app.imaging.scale import bands, to_type

HALVED = "YBR_FULL_422"
"""A photometric interpretation of which uncompressed pixels share chroma in pairs: Y, Y, Cb, Cr."""

_TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], np.float32)


def full_chroma(samples: Samples) -> Samples:
    """Return Y, Cb and Cr of each pixel, given pairs that share chroma."""
    pairs = samples.reshape(-1, 4)
    result = np.empty((len(pairs), 2, 3), samples.dtype)
    result[..., 0] = pairs[:, :2]
    result[..., 1:] = pairs[:, None, 2:]
    return result.reshape(-1)


def to_rgb(samples: Samples) -> Samples:
    """Convert unsigned samples [rows, columns, 3] from full-range YCbCr, rounded to nearest."""
    native = samples.dtype.newbyteorder("=")
    result, grey = np.empty(samples.shape, native), (np.iinfo(native).max + 1) // 2
    for band in bands(samples):
        part = samples[band].astype(np.float32)
        part[..., 1:] -= grey
        result[band] = to_type(part @ _TO_RGB.T, native)
    return result
