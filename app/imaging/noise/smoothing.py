"""Apply a camera's own smoothing and sharpening to noise."""

from dataclasses import dataclass

import numpy as np

from app.imaging.noise.filters import COLUMNS, blur, box, inner, reach, symmetric
from app.imaging.noise.plane import Plane

LUMA_BLURS, CHROMA_BLURS = (0.7, 1.3), (1.0, 2.5)
"""Standard deviations of the blurs, in pixels."""
LUMA_ROW, CHROMA_ROW = 3, 5
"""Widths of the means along rows, in pixels."""
SHARPENING_BLUR = 1.0

REACH = max(reach(CHROMA_BLURS[-1]), reach(LUMA_BLURS[-1]) + reach(SHARPENING_BLUR))
"""Pixels that `smoothed` uses on each side, and that its result lacks."""

Mix = tuple[float, float, float, float]
"""Shares of the unchanged noise, of its two blurs, and of its mean along rows."""


@dataclass(frozen=True)
class Smoothing:
    """How a camera smooths luma and chroma."""

    luma: Mix
    chroma: Mix
    sharpening: float = 0.0
    """The share of what a blur removes from luma that is added on top."""


def smoothed(noise: Plane, smoothing: Smoothing) -> Plane:
    """Smooth noise in luma and chroma [1 or 3, h, w], losing REACH at each side.

    Cameras smooth chroma far more than luma, and along rows more than along columns; luma is then
    sharpened: y + sharpening * (y - blur(y)).
    """
    sharp = reach(SHARPENING_BLUR)
    y = _mixed(noise[:1], smoothing.luma, LUMA_BLURS, LUMA_ROW, REACH - sharp)
    kept = inner(y, sharp)
    if smoothing.sharpening:
        kept = kept + np.float32(smoothing.sharpening) * (kept - blur(y, SHARPENING_BLUR))
    if len(noise) == 1:
        return kept
    chroma = _mixed(noise[1:], smoothing.chroma, CHROMA_BLURS, CHROMA_ROW, REACH)
    return np.concatenate([kept, chroma])


def _mixed(x: Plane, mix: Mix, blurs: tuple[float, float], row: int, margin: int) -> Plane:
    """Add up the parts of a mix, each without a `margin` at the edges."""
    total = np.float32(mix[0]) * inner(x, margin)
    for share, sigma in zip(mix[1:3], blurs, strict=True):
        if share:
            total += np.float32(share) * blur(inner(x, margin - reach(sigma)), sigma)
    if mix[3]:
        along = inner(x, margin - row // 2)
        along = along[..., row // 2 : along.shape[-2] - row // 2, :]
        total += np.float32(mix[3]) * symmetric(along, box(row), COLUMNS)
    return total
