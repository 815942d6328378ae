"""The pictures that are posted: photograph-like, with noise, as files of the usual formats."""

import numpy as np

from app.imaging.codec import encode
from app.imaging.formats import FORMATS
from app.imaging.noise import add_noise
from app.imaging.picture import Format, Metadata, Picture
from benchmarks.load import Request
from benchmarks.planes import fractal

DRAWN = 2048
"""The most pixels a side that are drawn; a larger picture repeats them."""


def photograph(height: int, width: int, seed: int = 0) -> Picture:
    """Fractal noise in three channels, with the spectrum of a photograph, and grain of sigma 25."""
    down, across = min(height, DRAWN), min(width, DRAWN)
    planes = [fractal(down, across, beta=2.4, seed=3 * seed + channel) for channel in range(3)]
    clean = np.clip(np.stack(planes, axis=-1) * 50 + 128, 0, 255).astype(np.uint8)
    noisy = add_noise(clean, 25 / 255, seed=seed)
    times = (-(-height // down), -(-width // across), 1)
    whole = np.ascontiguousarray(np.tile(noisy, times)[:height, :width])
    return Picture(whole, None, Format.PNG, Metadata())


def requests(
    format_: Format, height: int, width: int, count: int, path: str, quality: int | None = None
) -> list[Request]:
    """Return posts of `count` different images."""
    pictures = (photograph(height, width, seed) for seed in range(count))
    return [
        Request(path, FORMATS[format_].media_type, encode(picture, format_, quality).data)
        for picture in pictures
    ]
