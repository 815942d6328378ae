"""The noise of a camera's sensor, as it appears in a finished image.

After Brooks et al. (2019), "Unprocessing Images for Learned Raw Denoising": an image is converted
back to what the sensor measured, noise is added there, and both are developed again.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.imaging.noise import mosaic
from app.imaging.noise.colour import mapped
from app.imaging.noise.plane import Plane

REACH = mosaic.REACH
"""Pixels that `residual` uses on each side, and that its result lacks."""

CAMERAS = np.array(
    [
        [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]],
        [[0.4913, -0.0541, -0.0202], [-0.6130, 1.3513, 0.2906], [-0.1564, 0.2151, 0.7183]],
        [[0.8380, -0.2630, -0.0639], [-0.2887, 1.0725, 0.2496], [-0.0627, 0.1427, 0.5438]],
        [[0.6596, -0.2079, -0.0562], [-0.4782, 1.3016, 0.1933], [-0.0970, 0.1581, 0.5181]],
    ]
)
"""XYZ to the colours of four cameras, which are mixed at random, as Brooks et al. do."""

SRGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)

GAMMA = 2.2
DARKEST = 1e-8
"""The least light, since the slope of the power is infinite at 0."""

SHADE = 0.9
"""The mean of a colour from which on the white balance spares it as a highlight."""


@dataclass(frozen=True)
class Sensor:
    """A camera at one exposure."""

    matrix: NDArray[np.float64]
    """Linear sRGB to the camera's colours, [3, 3], each row with a sum of 1."""
    gains: tuple[float, float, float]
    """White balance and exposure: factors of red, green and blue."""
    shot: float
    """Variance of the noise per unit of light, white being 1."""
    read: float
    """Variance of the noise in the dark."""
    tone: bool = True
    """Whether the tone curve 3 x^2 - 2 x^3 is applied to the developed image."""


def read_variance(shot: float, deviation: float = 0.0) -> float:
    """Return the variance in the dark for a given variance per unit of light.

    As measured by Brooks et al., log read = 2.18 log shot + 1.2, plus a `deviation` that is N(0,
    0.26) among cameras.
    """
    return math.exp(2.18 * math.log(shot) + 1.2 + deviation)


def draw_sensor(shot: float, random: np.random.Generator) -> Sensor:
    """Draw a realistic camera and exposure, with the given shot noise.

    A convex mix of four matrices; gains U(1.5, 2.4) for red, U(1.3, 2.2) for blue, and 1 / N(0.8,
    0.1) for all, at least 1, so that white is within the sensor's range.
    """
    weights = random.exponential(size=len(CAMERAS))
    matrix = np.einsum("k,kij->ij", weights, CAMERAS @ SRGB_TO_XYZ)
    matrix /= matrix.sum(axis=1, keepdims=True)
    exposure = 1 / float(np.clip(random.normal(0.8, 0.1), 0.5, 1.0))
    red, blue = random.uniform(1.5, 2.4) * exposure, random.uniform(1.3, 2.2) * exposure
    read = read_variance(shot, random.normal(0.0, 0.26))
    return Sensor(matrix, (red, exposure, blue), shot, read)


def residual(clean: Plane, sensor: Sensor, normal: Plane) -> Plane:
    """Return the noise of the sensor as it appears in the finished image: [3, h - 4, w - 4].

    `clean` is RGB [3, h, w] on the [0, 1] scale, its top left pixel under the red of the RGGB
    mosaic. `normal` is N(0, 1) [h, w]: on the sensor, the noise's variance is shot * light + read.
    """
    light = mosaic.mosaic(undeveloped(clean, sensor))
    noise = np.sqrt(np.float32(sensor.shot) * light + np.float32(sensor.read))
    noise *= normal
    noise += light
    np.clip(noise, 0.0, 1.0, out=noise)
    return developed(noise, sensor) - developed(light, sensor)


def undeveloped(planes: Plane, sensor: Sensor) -> Plane:
    """Convert a finished image [3, h, w] to light on the sensor: the inverse of `developed`.

    White balance is undone except in highlights (Brooks et al., 3.3).
    """
    x = np.clip(planes, 0.0, 1.0)
    if sensor.tone:  # the inverse of 3 x^2 - 2 x^3
        x = np.float32(0.5) - np.sin(np.arcsin(1 - 2 * x) / np.float32(3))
    x = np.maximum(x, np.float32(DARKEST)) ** np.float32(GAMMA)
    x = mapped(x, sensor.matrix.astype(np.float32))
    np.clip(x, 0.0, 1.0, out=x)
    grey = x.mean(axis=0)
    spared = np.square(np.maximum((grey - np.float32(SHADE)) / np.float32(1 - SHADE), 0))
    for plane, gain in zip(x, sensor.gains, strict=True):
        down = np.float32(1 / gain)
        plane *= np.maximum(spared + (1 - spared) * down, down)
    return x


def developed(raw: Plane, sensor: Sensor) -> Plane:
    """Return the finished image [3, h - 4, w - 4], in [0, 1], of a mosaic [h, w]."""
    x = mosaic.demosaic(raw)
    for plane, gain in zip(x, sensor.gains, strict=True):
        plane *= np.float32(gain)
    np.clip(x, 0.0, 1.0, out=x)
    x = mapped(x, np.linalg.inv(sensor.matrix).astype(np.float32))
    np.clip(x, np.float32(DARKEST), 1.0, out=x)
    x **= np.float32(1 / GAMMA)
    return x * x * (3 - 2 * x) if sensor.tone else x
