"""The pictures that are posted: photograph-like, with noise, as files of the usual formats."""

import numpy as np

from app.imaging.codec import Format, Metadata, Picture, encode
from app.imaging.noise import add_noise
from app.web.samples import fractal
from benchmarks.load import Request


def photograph(height: int, width: int, seed: int = 0) -> Picture:
    """Fractal noise in three channels, with the spectrum of a photograph, and grain of sigma 25."""
    planes = [fractal(height, width, beta=2.4, seed=3 * seed + channel) for channel in range(3)]
    clean = np.clip(np.stack(planes, axis=-1) * 50 + 128, 0, 255).astype(np.uint8)
    return Picture(add_noise(clean, 25 / 255, seed=seed), None, Format.PNG, Metadata())


def requests(format_: Format, height: int, width: int, count: int, path: str) -> list[Request]:
    """Posts of `count` different pictures."""
    return [
        Request(path, f"image/{format_}", encode(photograph(height, width, i), format=format_).data)
        for i in range(count)
    ]
