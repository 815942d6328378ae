"""What drawings are made of: planes of random texture, smooth steps and mixtures."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SCALE = 2
"""Drawings are so many times larger at first, then reduced, which smooths every edge."""

Plane = NDArray[np.float64]


def fractal(height: int, width: int, beta: float, seed: int, low: float = 0.0) -> Plane:
    """Noise whose power falls as 1 / frequency**beta, scaled to mean 0 and deviation 1.

    Frequencies under `low` cycles per picture are left out. Shape [height, width].
    """
    frequency = frequencies(height, width)
    gain = np.where(frequency > low, np.maximum(frequency, 1.0) ** (-beta / 2), 0.0)
    return coloured(height, width, gain, seed)


def labyrinth(height: int, width: int, cycles: float, spread: float, seed: int) -> Plane:
    """Noise of about one frequency in every direction: its zeros wind like a coastline."""
    gain = np.exp(-(((frequencies(height, width) - cycles) / spread) ** 2))
    return coloured(height, width, gain, seed)


def frequencies(height: int, width: int) -> Plane:
    """Cycles per picture of each term of `rfft2`."""
    rows = np.fft.fftfreq(height)[:, None] * height
    columns = np.fft.rfftfreq(width)[None, :] * width
    return np.asarray(np.hypot(rows, columns))


def coloured(height: int, width: int, gain: Plane, seed: int) -> Plane:
    """White noise filtered by `gain`, scaled to mean 0 and deviation 1."""
    white = np.random.default_rng(seed).standard_normal((height, width))
    plane = np.fft.irfft2(np.fft.rfft2(white) * gain, s=(height, width))
    return np.asarray((plane - plane.mean()) / plane.std())


def step(value: Plane, edge: float, softness: float) -> Plane:
    """0 below `edge`, 1 above it, and a smooth ramp of width `softness` between."""
    t = np.clip((value - edge) / softness + 0.5, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def mix(under: Plane, over: Plane | float, amount: Plane) -> Plane:
    """`under` where `amount` is 0, `over` where it is 1."""
    return under + (over - under) * amount


def blend(under: Plane, over: Plane | tuple[int, int, int], amount: Plane) -> Plane:
    """`mix` for colours: planes [height, width, 3], or an 8-bit triple, by [height, width]."""
    colour = np.array(over) / 255 if isinstance(over, tuple) else over
    return under + (colour - under) * amount[..., None]


def ellipse(x: Plane, y: Plane, at: tuple[float, float], radii: tuple[float, float]) -> Plane:
    """1 at the centre of an ellipse, 0 on its rim, negative outside."""
    return np.asarray(1.0 - np.hypot((x - at[0]) / radii[0], (y - at[1]) / radii[1]))


def reduce(planes: Plane, width: int, height: int) -> Image.Image:
    """Round planes in [0, 1] to 8 bits and reduce them by `SCALE`."""
    pixels = np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX)
