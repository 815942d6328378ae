"""Get the pixels of images that Pillow has opened."""

import numpy as np
from PIL import Image

from app.imaging.samples import Samples, deinterleave

# the codec enforces the caller's limits before anything is decoded
Image.MAX_IMAGE_PIXELS = None


def planes(image: Image.Image) -> tuple[Samples, Samples | None]:
    """Return pixels and alpha of any mode; palettes of greys, and 1 bit, become grey."""
    image.load()
    is_grey = image.mode in ("1", "L")
    if image.mode == "P":
        colours = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        is_grey = bool((colours == colours[:, :1]).all())
    mode = ("L" if is_grey else "RGB") + ("A" if image.has_transparency_data else "")
    return deinterleave(np.asarray(image.convert(mode)))
