"""Cut shapes out of patches, as tools that strip the skull from a head leave them.

Volumes of brains are often shared like that: all else is exactly 0, and the step to it is sharp. A
network that has never seen one smooths it.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.imaging.scale import Pixels

COARSE, FINE = (16, 48), 4
"""Pixels from one random height to the next, of shapes, small or large, and of their outline."""
ROUGHNESS = 0.25
"""The most that the outline's heights count beside those of the shape."""
LEVELS = (-1.0, 0.6)
"""Range of the level above which heights are inside: from most of a patch to a part of it."""


def stripped(patch: Pixels, random: np.random.Generator) -> Pixels:
    """Return a patch [h, w, channels] with 0 everywhere outside a random shape.

    The shape is where smooth noise is above a random level: bicubic interpolation of N(0, 1), every
    so many pixels of COARSE, with some more every FINE pixels, so that outlines are smooth to
    rough.
    """
    rough, step = ROUGHNESS * random.uniform(), int(random.choice(COARSE))
    heights = _heights(patch, step, random) + rough * _heights(patch, FINE, random)
    inside = heights > random.uniform(*LEVELS)
    return np.where(inside[..., None], patch, 0).astype(patch.dtype)


def _heights(patch: Pixels, step: int, random: np.random.Generator) -> NDArray[np.float32]:
    height, width, _ = patch.shape
    few = random.standard_normal((height // step + 1, width // step + 1), np.float32)
    return np.asarray(Image.fromarray(few).resize((width, height), Image.Resampling.BICUBIC))
