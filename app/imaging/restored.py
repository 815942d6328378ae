"""What becomes of a picture and the network's result for it."""

import numpy as np

from app.imaging.estimate import estimate_sigma
from app.imaging.scale import Pixels, from_unit, to_unit

NOISE_FOUND = 0.97
"""The share of the noise's deviation that a network takes out of the flattest parts of a picture;
`benchmarks.quality` prints what it comes to, much the same for photographs and scans.
"""


def blended(original: Pixels, restored: Pixels, strength: float) -> Pixels:
    """Original + strength * (restored - original), rounded to nearest, in the original's type.

    Both are [height, width, channels]; `restored` may have a single channel for all of the
    original's. `strength` is 0..1.
    """
    if strength == 1.0:
        return np.ascontiguousarray(np.broadcast_to(restored, original.shape))
    blend = np.empty_like(original)
    for row in range(len(blend)):  # row by row: floats of a whole picture would be large
        x, y = to_unit(original[row]), to_unit(restored[row])
        blend[row] = from_unit(x + np.float32(strength) * (y - x), blend.dtype)
    return blend


def noise_removed(original: Pixels, restored: Pixels) -> float:
    """The deviation of the noise that the network found, 0..1; takes some milliseconds."""
    channels = restored.shape[-1]
    removed = estimate_sigma(original[..., :channels], restored)
    return min(removed / NOISE_FOUND, 1.0)
