"""The noise of a sensor as it appears in the finished image.

After T. Brooks et al., "Unprocessing Images for Learned Raw Denoising", CVPR 2019: an image is
converted back to what the sensor measured, noise is added there, and both are developed again.
"""

from dataclasses import dataclass
from typing import Any

from keras import ops

from app.imaging.noise.sensor import CAMERAS, DARKEST, GAMMA, SHADE, SRGB_TO_XYZ
from training.noise.colour import transform
from training.noise.mosaic import demosaic, mosaic
from training.noise.random import Random
from training.noise.settings import Camera

RED_GAIN, BLUE_GAIN = (1.5, 2.4), (1.3, 2.2)


@dataclass(frozen=True)
class Sensor:
    """How a camera develops, per patch: [n, 1, 1, 3], matrices [n, 3, 3], and bools [n, 1, 1,
    1].
    """

    gains: Any
    to_camera: Any
    from_camera: Any
    has_curve: Any
    """Whether a smoothstep tone curve follows the gamma."""
    bilinear: Any
    """Whether it demosaics bilinearly instead of by Malvar's filters."""


def sensor_residual(clean: Any, random: Random, settings: Camera) -> Any:
    """Return developed(measured + noise) - developed(measured), for patches [n, h, w, 3] in [0, 1].

    The variance of the noise is shot * x + read: `shot` is log-uniform, and read follows from log
    read = 2.18 log shot + 1.2 + N(0, 0.26). Half of the sensors clip at black and white.
    """
    count = clean.shape[0]
    sensor = _draw(count, random)
    measured = mosaic(undeveloped(clean, sensor))
    shot = random.log_uniform(count, settings.shot)
    spread = 0.26 * random.normal((count, 1, 1, 1))
    read = ops.exp(2.18 * ops.log(shot) + 1.2 + spread)
    noisy = measured + ops.sqrt(shot * measured + read) * random.normal(ops.shape(measured))
    clipped = random.chance(count, 0.5)
    noisy = ops.where(clipped, ops.clip(noisy, 0.0, 1.0), noisy)
    return developed(noisy, sensor) - developed(measured, sensor)


def _draw(count: int, random: Random) -> Sensor:
    weights = random.weights(count, len(CAMERAS))
    known = ops.convert_to_tensor((CAMERAS @ SRGB_TO_XYZ)[None], "float32")
    to_camera = ops.sum(ops.reshape(weights, (count, -1, 1, 1)) * known, axis=1)
    to_camera = to_camera / ops.sum(to_camera, axis=-1, keepdims=True)  # white stays white
    exposure = 1 / ops.clip(0.8 + 0.1 * random.normal((count, 1, 1, 1)), 0.5, 1.2)
    red, blue = random.uniform(count, RED_GAIN), random.uniform(count, BLUE_GAIN)
    return Sensor(
        gains=ops.concatenate([red, ops.ones_like(red), blue], axis=-1) * exposure,
        to_camera=to_camera,
        from_camera=ops.inv(to_camera),
        has_curve=random.chance(count, 0.5),
        bilinear=random.chance(count, 0.3),
    )


def undeveloped(clean: Any, sensor: Sensor) -> Any:
    """Return what the sensor measured, in linear light and its own colours: [n, h, w, 3]."""
    inverse = 0.5 - ops.sin(ops.arcsin(1 - 2 * ops.clip(clean, 0.0, 1.0)) / 3)
    linear = ops.power(ops.maximum(ops.where(sensor.has_curve, inverse, clean), DARKEST), GAMMA)
    colours = ops.clip(transform(linear, sensor.to_camera), 0.0, 1.0)
    # Highlights keep their level: undoing the gains there would turn white into a colour.
    grey = ops.mean(colours, axis=-1, keepdims=True)
    highlight = ops.square(ops.maximum((grey - SHADE) / (1 - SHADE), 0.0))
    undone = 1 / sensor.gains
    return colours * ops.maximum(highlight + (1 - highlight) * undone, undone)


def developed(measured: Any, sensor: Sensor) -> Any:
    """Return the sRGB image that a camera develops from a mosaic [n, h, w, 1]."""
    colours = ops.clip(demosaic(measured, sensor.bilinear) * sensor.gains, 0.0, 1.0)
    linear = ops.clip(transform(colours, sensor.from_camera), 0.0, 1.0)
    encoded = ops.power(ops.maximum(linear, DARKEST), 1 / GAMMA)
    return ops.where(sensor.has_curve, encoded * encoded * (3 - 2 * encoded), encoded)
