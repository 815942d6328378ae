"""Mask patches like skull-stripped scans.

Volumes of brains are often shared without the skull: everything else is exactly 0, with a sharp
edge. A network that has never seen such an edge smooths it.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.imaging.scale import Pixels

COARSE, FINE = (16, 48), 4
"""Pixels from one random height to the next: for small and large shapes, and for outlines."""
ROUGHNESS = 0.25
"""The largest weight of the outline's heights, relative to those of the shape."""
LEVELS = (-1.0, 0.6)
"""Range of the level above which pixels are inside: from most of a patch to a part of it."""


def stripped(patch: Pixels, random: np.random.Generator) -> Pixels:
    """Return a patch [h, w, channels] that is 0 outside a random shape.

    The shape is where smooth noise exceeds a random level. The noise is N(0, 1), interpolated
    (bicubic) from a grid of one of the COARSE steps, plus some from a grid of FINE steps, so that
    outlines are smooth to rough.
    """
    rough, step = ROUGHNESS * random.uniform(), int(random.choice(COARSE))
    heights = _heights(patch, step, random) + rough * _heights(patch, FINE, random)
    inside = heights > random.uniform(*LEVELS)
    return np.where(inside[..., None], patch, 0).astype(patch.dtype)


def _heights(patch: Pixels, step: int, random: np.random.Generator) -> NDArray[np.float32]:
    height, width, _ = patch.shape
    few = random.standard_normal((height // step + 1, width // step + 1), np.float32)
    return np.asarray(Image.fromarray(few).resize((width, height), Image.Resampling.BICUBIC))
