"""The noise that a camera leaves in a finished image."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.imaging.noise import sensor, smoothing
from app.imaging.noise.colour import RGB, YCC, mapped
from app.imaging.noise.filters import inner
from app.imaging.noise.plane import Plane
from app.imaging.noise.sensor import Sensor, draw_sensor
from app.imaging.noise.smoothing import Smoothing, smoothed
from app.imaging.noise.tiles import Tile, mean_products, tiles
from app.imaging.scale import Pixels, from_unit

HALO = -(-(sensor.REACH + smoothing.REACH) // 2) * 2
"""Even, so that every tile begins with a whole square of the mosaic."""

SHOT_PER_VARIANCE = 4.0
"""A sensor's shot noise, relative to the variance that is left of it in a finished image."""
SHOT_LIMITS = (5e-5, 0.004)
"""Up to about 8 of 255 levels in the finished image, the most that was measured in camera JPEGs;
beyond these limits, the same noise is scaled. A noisier sensor would clip so often that the noise
would become colour casts.
"""

MOST = 10.0
"""The most times that noise is amplified beyond its usual strength, if there is little of it."""


@dataclass(frozen=True)
class Camera:
    """A camera, and how it processes the noise of its sensor."""

    sensor: Sensor
    smoothing: Smoothing
    chroma: float
    """Standard deviation of chroma, the mean of Cb and Cr, over that of luma."""


def draw_camera(factor: float, random: np.random.Generator) -> Camera:
    """Draw a typical camera at an ISO whose noise has a standard deviation of about `factor`.

    Its smoothing is fitted to the noise in camera JPEGs: neighbours are correlated by 0.6 to 0.75,
    chroma still by about a half four pixels away, and chroma is 0.4 to 0.7 as strong as luma.
    """
    shot = float(np.clip(SHOT_PER_VARIANCE * factor**2, *SHOT_LIMITS))
    body = draw_sensor(shot, random)
    fine, row = random.uniform(0.0, 0.1), random.uniform(0.0, 0.2)
    small = random.uniform(0.05, 0.35)
    processor = Smoothing(
        luma=(fine, 1 - fine - row, 0.0, row),
        chroma=(0.0, small, 1 - small, 0.0),
        sharpening=random.uniform(0.0, 0.15),
    )
    return Camera(body, processor, random.uniform(0.4, 0.7))


def noise(tile: Tile, camera: Camera, components: int) -> Plane:
    """Return the noise of a tile in luma, or luma and chroma: [1 or 3, h, w], not yet scaled."""
    clean = np.broadcast_to(tile.clean, (3, *tile.clean.shape[1:]))
    raw = mapped(sensor.residual(clean, camera.sensor, tile.normal), YCC[:components])
    return inner(smoothed(raw, camera.smoothing), HALO - sensor.REACH - smoothing.REACH)


def amplifier(products: NDArray[np.float64], camera: Camera, factor: float) -> Plane:
    """Return the matrix that turns `noise` into what is added to the channels, scaled to `factor`.

    `products` are the means of the products of its components: [3, 3], or [1, 1] for luma alone.
    Noise is amplified at most MOST times beyond its usual strength: if nearly all of an image is
    saturated, the few other pixels do not have to make up for it.
    """
    luma, *differences = np.sqrt(np.diag(products))
    chroma = np.mean(differences) if differences else 0.0
    gains = np.full(len(products), camera.chroma * luma / chroma if chroma else 0.0)
    gains[0] = 1.0
    matrix = RGB * gains if differences else np.ones((1, 1))
    overall = np.sqrt(np.trace(matrix @ products @ matrix.T) / len(matrix))
    usual = np.sqrt(camera.sensor.shot / SHOT_PER_VARIANCE)
    return np.asarray(matrix * factor / max(overall, usual / MOST), np.float32)


def add_camera_noise(pixels: Pixels, factor: float, *, shared: bool, seed: int) -> Pixels:
    """Add the noise of a typical camera, drawn from the seed, to `pixels` [height, width, 1 or 3].

    `factor` is the overall standard deviation before clipping. Grey images, and all images if
    `shared`, get noise in luma alone. Saturated white has little noise, so an image full of it gets
    less than `factor`.
    """
    camera = draw_camera(factor, np.random.default_rng(seed))
    components = 1 if shared else pixels.shape[-1]

    def parts() -> Iterator[Tile]:
        return tiles(pixels, halo=HALO, seed=seed)

    fields = (noise(tile, camera, components) for tile in parts())
    matrix = amplifier(mean_products(fields), camera, factor)
    noisy = np.empty_like(pixels)
    for tile in parts():
        added = mapped(noise(tile, camera, components), matrix)
        result = np.moveaxis(inner(tile.clean, HALO) + added, 0, -1)
        noisy[tile.area] = from_unit(result, pixels.dtype)
    return noisy
