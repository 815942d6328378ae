"""The sensor that training draws is the one of the service's `/noise?kind=camera`."""

import numpy as np
import pytest

from app.imaging.noise import sensor as reference
from app.imaging.noise import smoothing
from app.imaging.noise.colour import RGB, mapped
from app.imaging.noise.mosaic import mosaic
from training.noise import sensor
from training.noise.random import Random
from training.noise.settings import Camera
from training.noise.smoothing import smoothed

EDGE = reference.REACH


def picture(seed=0):
    """Soft colours [3, 32, 32]."""
    y, x = np.mgrid[:32, :32] / 31
    planes = [y, x, (x + y) / 2] if seed else [x, 1 - x, y]
    return np.array(planes, np.float32)


def batch(planes):
    return np.moveaxis(planes, 0, -1)[None]


@pytest.mark.parametrize("curve", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_pictures_are_developed_as_by_the_service(seed, curve):
    camera = reference.draw_sensor(1e-3, np.random.default_rng(seed))
    camera = reference.Sensor(camera.matrix, camera.gains, camera.shot, camera.read, tone=curve)
    matrix = camera.matrix[None].astype(np.float32)
    ours = sensor.Sensor(
        gains=np.array(camera.gains, np.float32).reshape(1, 1, 1, 3),
        to_camera=matrix,
        from_camera=np.linalg.inv(matrix),
        has_curve=curve,
        bilinear=False,
    )
    light = reference.undeveloped(picture(seed), camera)
    np.testing.assert_allclose(
        np.asarray(sensor.undeveloped(batch(picture(seed)), ours)), batch(light), atol=1e-5
    )
    measured = mosaic(light)
    developed = np.asarray(sensor.developed(measured[None, ..., None], ours))
    inside = developed[:, EDGE:-EDGE, EDGE:-EDGE]
    np.testing.assert_allclose(inside, batch(reference.developed(measured, camera)), atol=1e-4)


def test_noise_of_a_sensor_is_as_strong_as_that_of_the_service():
    """At one shot level, over many cameras: the two draw cameras alike."""
    flat = np.full((3, 64, 64), 0.4, np.float32)
    shot = 2e-3
    random = np.random.default_rng(0)
    theirs = []
    for _ in range(60):
        normal = random.standard_normal((64, 64)).astype(np.float32)
        theirs.append(reference.residual(flat, reference.draw_sensor(shot, random), normal))
    batches = np.repeat(batch(flat), 60, axis=0)
    ours = np.asarray(sensor.sensor_residual(batches, Random(0), Camera(shot=(shot, shot))))
    assert ours.std() == pytest.approx(np.array(theirs).std(), rel=0.3)


class Even(Random):
    """Equal shares of a mix, no strength made up, no sharpening, chroma as it is."""

    def weights(self, count, size):
        return np.full((count, 1, 1, size), 1 / size, np.float32)

    def uniform(self, count, bounds):
        return np.full((count, 1, 1, 1), bounds[0], np.float32)

    def log_uniform(self, count, bounds):
        return np.ones((count, 1, 1, 1), np.float32)


def test_noise_is_smoothed_as_by_the_service():
    noise = np.random.default_rng(0).standard_normal((3, 64, 64)).astype(np.float32)
    ours = np.asarray(smoothed(batch(mapped(noise, RGB)), Even(0), Camera(low_chroma=0, coarse=0)))
    even = (0.25, 0.25, 0.25, 0.25)
    theirs = smoothing.smoothed(noise, smoothing.Smoothing(even, even))
    edge = smoothing.REACH
    np.testing.assert_allclose(
        ours[:, edge:-edge, edge:-edge], batch(mapped(theirs, RGB)), atol=1e-4
    )
