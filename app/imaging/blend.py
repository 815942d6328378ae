"""Apply a share of the correction to an image."""

from dataclasses import dataclass

import numpy as np

from app.imaging.scale import Pixels, bands, precise, to_type

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in luma (ITU-R BT.601)."""


@dataclass(frozen=True, slots=True)
class Strength:
    """The shares of the correction to apply, each within 0..1."""

    luma: float = 1.0
    chroma: float = 1.0


FULL = Strength()


def blend(original: Pixels, restored: Pixels, strength: Strength) -> Pixels:
    """Apply a share of the correction to `original`, in its own type, rounded to nearest.

    Both are [height, width, channels] of one type, with 1 or 3 channels; if `restored` has one, it
    applies to all of `original`. With d = restored - original and its luma d' = 0.299 d_red + 0.587
    d_green + 0.114 d_blue, which moves all channels alike, the result is original + luma * d' +
    chroma * (d - d'): in full-range YCbCr (ITU-R BT.601), Y is moved by one share, Cb and Cr by the
    other. Without colour, only luma counts; if the two shares are equal, this is exactly original +
    luma * d; if both are 0, it is `original` itself.
    """
    if strength.luma == strength.chroma == 0.0:
        return original
    luma = strength.luma
    chroma = luma if restored.shape[-1] == 1 else strength.chroma
    if luma == chroma == 1.0:
        return np.ascontiguousarray(np.broadcast_to(restored, original.shape))
    mixed, kind = np.empty(original.shape, original.dtype), precise(original.dtype)
    with np.errstate(over="ignore"):  # the largest floats may overflow, and are clipped
        for band in bands(original):
            x, y = original[band].astype(kind), restored[band].astype(kind)
            y -= x[..., : y.shape[-1]]
            moved = chroma * y
            if luma != chroma:
                moved += (luma - chroma) * (y @ LUMA.astype(kind))[..., None]
            mixed[band] = to_type(x + moved, mixed.dtype)
    return mixed
