"""Convert samples: bit depth, alpha, palettes, YCbCr and CMYK.

White is the greatest integer, and 1 in floating point.
"""

from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from app.imaging.icc import ink_profile
from app.imaging.scale import bands, to_type

Samples = NDArray[Any]

_YCC_TO_RGB = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], np.float32)
"""From YCbCr of full range (ITU-R BT.601, as in JPEG)."""


def interleave(pixels: Samples, alpha: Samples | None) -> Samples:
    """Return samples as encoders take them: grey as `[height, width]`, alpha as the last
    channel.
    """
    if alpha is not None:
        pixels = np.dstack((pixels, alpha))
    shape = pixels.shape[:2] if pixels.shape[2] == 1 else pixels.shape
    return pixels.ravel().reshape(shape)  # codecs are strict about strides, even for sides of 1


def deinterleave(samples: Samples) -> tuple[Samples, Samples | None]:
    """Return grey or RGB pixels, and alpha if the number of channels is even."""
    samples = samples.reshape(*samples.shape[:2], -1)
    if samples.shape[2] % 2:
        return np.ascontiguousarray(samples), None
    return np.ascontiguousarray(samples[..., :-1]), np.ascontiguousarray(samples[..., -1])


def to_uint8(samples: Samples) -> Samples:
    """Convert samples to `uint8`, rounded to nearest."""
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == np.uint16:
        rounded = np.minimum(samples, 65_407)
        rounded += 128  # stays within 16 bits
        rounded //= 257
        return rounded.astype(np.uint8)
    return np.asarray(np.rint(samples * 255), np.uint8)


def to_integers(samples: Samples) -> Samples:
    """Convert floating-point samples to `uint16`, rounded to nearest; keep integers."""
    if samples.dtype.kind == "u":
        return samples
    return np.asarray(np.rint(np.multiply(samples, 65_535, dtype=np.float64)), np.uint16)


def widen(samples: Samples, bits: int) -> Samples:
    """Spread samples of 1 to 16 `bits` over the full range of 8 or 16, rounded to nearest."""
    return samples if bits in (8, 16, 32) else spread(samples, 2**bits - 1)


def spread(samples: Samples, white: int) -> Samples:
    """Spread samples of 0 to `white` over the full range of 8 or 16 bits, rounded to nearest."""
    full = 255 if white <= 255 else 65_535
    levels = np.rint(np.linspace(0, full, white + 1)).astype(np.uint8 if full == 255 else np.uint16)
    return np.asarray(levels[samples.astype(levels.dtype)])


def narrow(samples: Samples, white: int) -> Samples:
    """Undo `spread`: map samples of the full range of 8 or 16 bits to 0 to `white`, rounded to
    nearest.
    """
    full = np.iinfo(samples.dtype).max
    levels = np.rint(np.linspace(0, white, full + 1)).astype(samples.dtype)
    return np.asarray(levels[samples])


def inverted(samples: Samples) -> Samples:
    """Return the negative: black and white of the type, or 0 and 1 of floats, are exchanged."""
    return 1 - samples if samples.dtype.kind == "f" else np.invert(samples)


def unpremultiply(pixels: Samples, alpha: Samples) -> Samples:
    """Divide premultiplied samples by alpha; keep pixels where alpha is 0."""
    is_float = pixels.dtype.kind == "f"
    full = 1 if is_float else np.iinfo(pixels.dtype).max
    result = pixels.copy()
    for row, opacity in zip(result, alpha, strict=True):  # by rows, to keep the floats few
        seen = opacity > 0
        colour = row[seen].astype(np.float64) * full / opacity[seen, None]
        row[seen] = to_type(colour, pixels.dtype)
    return result


def from_palette(indices: Samples, palette: Samples) -> Samples:
    """Return the colours of a palette [number, 3] at indices [height, width, 1].

    They are grey [height, width, 1] if all of the palette are.
    """
    is_grey = (palette == palette[:, :1]).all()
    return (palette[:, :1] if is_grey else palette)[indices[..., 0]]


def ycc_to_rgb(samples: Samples) -> Samples:
    """Convert unsigned samples [rows, columns, 3] from full-range YCbCr, rounded to nearest."""
    native = samples.dtype.newbyteorder("=")
    result, grey = np.empty(samples.shape, native), (np.iinfo(native).max + 1) // 2
    for band in bands(samples):
        part = samples[band].astype(np.float32)
        part[..., 1:] -= grey
        result[band] = to_type(part @ _YCC_TO_RGB.T, native)
    return result


def cmyk_to_rgb(inks: Samples, profile: bytes | None) -> Samples:
    """Convert CMYK, where 0 is no ink, to sRGB, by the colour profile of the file if possible.

    Without one, `R = (1 - C) * (1 - K)` and likewise for G and B.
    """
    usable = None if profile is None else ink_profile(profile)
    if usable is not None:
        try:
            return np.asarray(
                imagecodecs.cms_transform(
                    inks,
                    usable,
                    imagecodecs.cms_profile("srgb"),
                    colorspace="cmyk",
                    outcolorspace="rgb",
                )
            )
        except (imagecodecs.CmsError, ValueError):
            pass  # a damaged profile must not cost the caller the image
    full = np.iinfo(inks.dtype).max
    rgb = np.empty((*inks.shape[:2], 3), inks.dtype)
    for row, ink in zip(rgb, inks, strict=True):  # by rows, to keep the wide integers few
        light = full - ink.astype(np.uint64)
        row[:] = (light[:, :3] * light[:, 3:] + full // 2) // full
    return rgb
